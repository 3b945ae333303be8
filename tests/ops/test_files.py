"""The files under `deploy/`, and those of containers, by the tools that read them."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import psycopg
import pytest
import yaml

from tests.docs.reading import ROOT
from tests.docs.test_deploy import COMPOSE, MANIFESTS
from tests.ops.servers import Installation

SECRETS = {"POSTGRES_PASSWORD": "one", "REDIS_PASSWORD": "two", "AETHERIS_SECRET_KEY": "three"}
KUBERNETES = ("1.32", "1.37")
OTHERS = ("ScaledObject", "Kustomization")
"""Kinds that Kubernetes itself does not know."""


def told(*command: str, cwd: Path = ROOT, given: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    environ = {"PATH": os.environ["PATH"], **(given or {})}
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=120)


def test_promtool_reads_the_rules_and_the_configuration() -> None:
    checked = told("promtool", "check", "rules", "deploy/prometheus/alerts.yml")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "rules found" in checked.stdout
    checked = told("promtool", "check", "config", "--syntax-only", "deploy/prometheus/prometheus.yml")
    assert checked.returncode == 0, checked.stderr


def test_the_rules_say_what_they_should_of_made_up_series() -> None:
    tested = told("promtool", "test", "rules", "alerts.test.yml", cwd=ROOT / "tests/ops")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_compose_reads_its_file() -> None:
    read = told("docker-compose", "config", given=SECRETS)
    assert read.returncode == 0, read.stderr
    services = yaml.safe_load(read.stdout)["services"]
    assert services.keys() == COMPOSE["services"].keys()
    assert services["web"]["environment"]["AETHERIS_DATABASE_URL"] == "postgresql://aetheris:one@postgres/aetheris"


@pytest.mark.parametrize("missing", SECRETS)
def test_compose_starts_nothing_without_a_secret(missing: str) -> None:
    read = told("docker-compose", "config", given={name: value for name, value in SECRETS.items() if name != missing})
    assert read.returncode != 0
    assert f"set {missing}" in read.stderr


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field_of_the_manifests(version: str) -> None:
    own = [manifest for manifest in MANIFESTS if manifest["kind"] not in OTHERS]
    assert len(own) > 10
    for manifest in own:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    (web,) = (each for each in MANIFESTS if each["kind"] == "Deployment" and each["metadata"]["name"] == "aetheris-web")
    wrong = json.loads(json.dumps(web).replace("readinessProbe", "readynessProbe"))
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES[-1], strict=True)


def test_the_scalers_questions_can_be_answered(room: Path, postgres_15: str, broker: str) -> None:
    """And by indexes alone: they are asked every ten seconds."""
    installation = Installation(room, postgres_15, broker)
    installation.migrate()
    installation.act("submit", "0", "0", "0")
    asked: dict[str, Any] = {}
    with psycopg.connect(postgres_15) as connection:
        connection.execute("SET enable_seqscan = off")
        for manifest in MANIFESTS:
            if manifest["kind"] == "ScaledObject":
                (trigger,) = manifest["spec"]["triggers"]
                query = trigger["metadata"]["query"]
                asked[manifest["metadata"]["name"]] = connection.execute(query).fetchone()
                plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {query}"))
                assert "Seq Scan" not in plan, plan
    assert asked.pop("aetheris-worker-default") == (3,)
    assert set(asked.values()) == {(0,)}


def test_the_image_gets_a_package_that_is_whole(tmp_path: Path) -> None:
    """What the Dockerfile copies, built as it is built there."""
    for name in re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
        for each in name.split():
            copy = shutil.copytree if (ROOT / each).is_dir() else shutil.copy
            copy(ROOT / each, tmp_path / each)
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(tmp_path / "made"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (wheel,) = (tmp_path / "made").glob("aetheris-*.whl")
    packages = ("aetheris", "jobs", "ledger", "signals_app")
    tracked = set(told("git", "ls-files", *packages).stdout.split())
    assert tracked <= set(zipfile.ZipFile(wheel).namelist())
