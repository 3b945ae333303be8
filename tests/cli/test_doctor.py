"""`aetheris doctor` names what is wrong with an installation, and says how to mend it."""

import json
import os
import shutil
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from django.conf import settings

from tests.cli.test_init import run
from tests.conftest import Clock

AWAY = {"AETHERIS_DATABASE_URL": "postgresql://x@127.0.0.1:9/x", "AETHERIS_BROKER_URL": "redis://127.0.0.1:9/0"}


def found(folder: Path, **environ: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and each finding by its name. Whatever is not well must say how to mend it."""
    ended = run(folder, "aetheris", "doctor", "--json", **environ)
    findings = {line["name"]: line for line in map(json.loads, ended.out.splitlines())}
    assert ended.err == ""
    assert all((finding["state"] == "ok") == (finding["remedy"] == "") for finding in findings.values())
    return ended.code, findings


def states(findings: dict[str, dict[str, Any]], *names: str) -> list[str]:
    return [findings[name]["state"] for name in names]


@pytest.fixture
def servers(database: None) -> dict[str, str]:
    """Those of this run, with this test's database."""
    url = os.environ["AETHERIS_DATABASE_URL"]
    real = settings.DATABASES["default"]["NAME"]
    before, _, options = url.partition("?")
    return {
        "AETHERIS_DATABASE_URL": f"{before.rpartition('/')[0]}/{real}?{options}",
        "AETHERIS_BROKER_URL": os.environ["AETHERIS_BROKER_URL"],
        "AETHERIS_UNSAFE_DATABASE": "true",
        "AETHERIS_SECRET_KEY": token_hex(32),
    }


def test_before_anything_runs_it_says_what_is_there_and_how_to_start(tmp_path: Path) -> None:
    code, findings = found(tmp_path)
    assert code == 0
    assert states(findings, "python", "programs", "folder", "project", "settings") == ["ok"] * 5
    assert "aetheris up" in findings["instance"]["remedy"]
    assert "database" not in findings


def test_servers_and_records_are_looked_at(tmp_path: Path, servers: dict[str, str]) -> None:
    code, findings = found(tmp_path, **servers)
    assert states(findings, "broker", "migrations", "clock") == ["ok"] * 3
    assert (code, findings["workers"]["state"], findings["sweep"]["state"]) == (1, "wrong", "wrong")
    assert "aetheris worker" in findings["workers"]["remedy"]
    assert "secret key" not in findings
    assert findings["database"]["state"] == "warning"
    assert "fsync is off" in findings["database"]["told"]
    refused = found(tmp_path, **{**servers, "AETHERIS_UNSAFE_DATABASE": "false"})[1]
    assert refused["database"]["state"] == "wrong"


def test_a_clock_that_is_off_is_said_so(tmp_path: Path, servers: dict[str, str], clock: Clock) -> None:
    clock.advance(30)
    finding = found(tmp_path, **servers)[1]["clock"]
    assert (finding["state"], "30." in finding["told"] or "29." in finding["told"]) == ("warning", True)
    assert "NTP" in finding["remedy"]


def test_migrations_that_are_missing_are_named(tmp_path: Path, servers: dict[str, str]) -> None:
    bare = servers["AETHERIS_DATABASE_URL"].replace(settings.DATABASES["default"]["NAME"], "postgres")
    code, findings = found(tmp_path, **{**servers, "AETHERIS_DATABASE_URL": bare})
    assert (code, findings["migrations"]["state"], "clock" in findings) == (1, "wrong", False)
    assert "migrate" in findings["migrations"]["remedy"]


def test_servers_that_are_away_are_each_named_and_a_key_that_is_missing(tmp_path: Path) -> None:
    code, findings = found(tmp_path, **AWAY)
    assert (code, states(findings, "database", "broker")) == (1, ["wrong", "wrong"])
    assert "AETHERIS_DATABASE_URL" in findings["database"]["remedy"]
    assert "AETHERIS_BROKER_URL" in findings["broker"]["remedy"]
    key = findings["secret key"]
    assert (key["state"], "AETHERIS_SECRET_KEY" in key["remedy"]) == ("warning", True)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"AETHERIS_LEASE_SECONDS": "soon"}, "AETHERIS_LEASE_SECONDS"),
        ({"AETHERIS_TENANT": "No Tenant"}, "AETHERIS_TENANT"),
        ({"DJANGO_SETTINGS_MODULE": "no.such.settings"}, "No module named 'no'"),
        ({"AETHERIS_APPS": "no_such_app"}, "No module named 'no_such_app'"),
    ],
)
def test_settings_that_do_not_fit_are_named(tmp_path: Path, environ: dict[str, str], told: str) -> None:
    code, findings = found(tmp_path, **environ)
    assert (code, findings["settings"]["state"]) == (1, "wrong")
    assert told in findings["settings"]["told"]


def test_what_a_settings_module_prints_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text("from aetheris.settings import *\n\nprint('[loud')\n")
    assert found(tmp_path, DJANGO_SETTINGS_MODULE="loud")[1]["settings"]["state"] == "ok"
    (tmp_path / "loud.py").write_text("print('loud')\nraise SystemExit('no more')\n")
    code, findings = found(tmp_path, DJANGO_SETTINGS_MODULE="loud")
    assert (code, findings["diagnosis"]["state"], findings["diagnosis"]["told"]) == (1, "wrong", "no more")


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    for name in ("sh", "dirname"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    code, findings = found(tmp_path, PATH=str(tmp_path))
    assert (code, "setpriv is missing" in findings["programs"]["told"]) == (1, True)
    assert "util-linux" in findings["programs"]["remedy"]


def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, findings = found(tmp_path, AETHERIS_DATA=str(tmp_path / "file" / "data"))
    assert (code, findings["folder"]["state"]) == (1, "wrong")


def test_debug_and_open_hosts_are_warned_of(tmp_path: Path) -> None:
    code, findings = found(tmp_path, AETHERIS_DEBUG="true", AETHERIS_ALLOWED_HOSTS="*")
    assert (code, states(findings, "debug", "hosts")) == (0, ["warning", "warning"])
