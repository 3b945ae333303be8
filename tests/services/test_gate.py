"""The gate: on which databases workers, the web process and `aetheris up` do not start, and what they say."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aetheris import gate
from aetheris.services import EmbeddedServices
from aetheris.services.child import never, start_until_ready
from aetheris.services.roles import worker_command
from tests.services.conftest import ROOT, Launcher

NO_BROKER = {"AETHERIS_BROKER_URL": "redis+socket:///nobody/listens/here.sock"}
GATE = ("-m", "aetheris.gate")
WEB = ("-m", "uvicorn", "aetheris.asgi:application", "--port", "18090")
WORKER = worker_command("gate@%h", 1)
SOUND = ("ALTER SYSTEM RESET ALL", "ALTER ROLE aetheris RESET ALL", "SELECT pg_reload_conf()")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("database") / "data"


@contextmanager
def served(folder: Path, *changes: str, fsync: bool = True) -> Iterator[str]:
    """A server of its own, its settings changed by these statements; its address."""
    with EmbeddedServices(folder, fsync=fsync, environ=NO_BROKER) as services:
        url = services.database_url
        with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
            for change in changes:
                connection.execute(change)
        yield url


def begun(arguments: tuple[str, ...], url: str, **settings: str) -> subprocess.Popen[str]:
    """A process that is to work on this database."""
    environ = {name: value for name, value in os.environ.items() if name != "AETHERIS_UNSAFE_DATABASE"}
    environ |= {"DJANGO_SETTINGS_MODULE": "aetheris.settings", "AETHERIS_DATABASE_URL": url, **NO_BROKER, **settings}
    command = [sys.executable, *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("fsync = off", "set fsync = on"),
        ("full_page_writes = off", "set full_page_writes = on"),
        ("synchronous_commit = off", "synchronous_commit is off"),
        ("default_transaction_read_only = on", "every transaction is read only"),
    ],
)
def test_what_would_lose_or_take_nothing_is_refused(folder: Path, setting: str, says: str) -> None:
    with served(folder, *SOUND, f"ALTER SYSTEM SET {setting}", "SELECT pg_reload_conf()") as url:
        code, output = ended(begun(GATE, url))
    assert code == 1
    assert output.startswith("DATABASE_UNSAFE: ")
    assert says in output
    assert "AETHERIS_UNSAFE_DATABASE" in output


def test_what_is_off_for_its_role_alone_is_refused(folder: Path) -> None:
    with served(folder, *SOUND, "ALTER ROLE aetheris SET synchronous_commit = off") as url:
        code, output = ended(begun(GATE, url))
    assert (code, "synchronous_commit is off" in output) == (1, True)


@pytest.mark.parametrize("level", ["on", "local", "remote_write", "remote_apply"])
def test_what_keeps_what_it_acknowledges_is_worked_on(folder: Path, level: str) -> None:
    with served(folder, *SOUND, f"ALTER ROLE aetheris SET synchronous_commit = {level}") as url:
        assert ended(begun(GATE, url)) == (0, "")


@pytest.mark.parametrize("arguments", [WORKER, WEB], ids=["worker", "web"])
def test_neither_worker_nor_web_starts_on_a_replica(folder: Path, arguments: tuple[str, ...]) -> None:
    with served(folder):
        pass
    (folder / "postgres" / "standby.signal").touch()
    try:
        with served(folder) as url:
            code, output = ended(begun(arguments, url))
    finally:
        (folder / "postgres" / "standby.signal").unlink()
    assert code == 1
    assert "DATABASE_UNSAFE: of the database aetheris this server is a replica" in output


def test_a_web_process_without_a_key_does_not_start() -> None:
    code, output = ended(begun(WEB, "postgresql://nobody@nowhere.invalid/nothing", AETHERIS_SECRET_KEY=""))
    assert code == 1
    assert "SECRET_KEY_UNSAFE: " in output
    assert "openssl rand" in output


@pytest.mark.parametrize("key", ["", "too-short", "ab" * 40, "django-insecure-" + "0123456789" * 5])
def test_nothing_is_signed_with_a_key_that_others_may_know(
    key: str, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    gate.check_key()
    settings.SECRET_KEY = key
    with pytest.raises(SystemExit, match="SECRET_KEY_UNSAFE"):
        gate.check_key()
    assert caplog.messages == []
    settings.DEBUG = True
    gate.check_key()
    assert caplog.messages == [gate.KEY_UNSAFE]


@pytest.mark.parametrize("allowed", ["AETHERIS_DEBUG", "AETHERIS_UNSAFE_DATABASE"])
def test_where_that_is_allowed_it_is_only_said(folder: Path, allowed: str) -> None:
    with served(folder, *SOUND, fsync=False) as url:
        code, output = ended(begun(GATE, url, **{allowed: "true"}))
    assert code == 0
    assert "WARNING" in output
    assert all(f"{name} is off" in output for name in ("fsync", "full_page_writes", "synchronous_commit"))


def test_up_refuses_before_it_changes_anything(folder: Path, launcher: Launcher) -> None:
    with served(folder, *SOUND, fsync=False) as url:
        environ = {"AETHERIS_DATABASE_URL": url, "AETHERIS_UNSAFE_DATABASE": "false"}
        code, output = launcher.run("up", environ=environ)
        with psycopg.connect(url) as connection:
            tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert (code, tables) == (1, (0,))
    assert "DATABASE_UNSAFE: " in output
    assert "Traceback" not in output


def test_a_process_waits_for_a_database_that_is_away(folder: Path) -> None:
    with EmbeddedServices(folder, environ=NO_BROKER) as services:
        (server,) = services.children
        server.stop()
        waiting = begun(("-c", "import aetheris.asgi; print('begun')"), services.database_url)
        assert waiting.stdout is not None
        assert "this process waits for its database" in waiting.stdout.readline()
        start_until_ready(server, 60, never)
        code, output = ended(waiting)
    assert (code, output.splitlines()[-1]) == (0, "begun")


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("__init__.py", "raise ValueError('no key')", "ValueError: no key"),
        ("agents.py", "import nothing_here", "ModuleNotFoundError: No module named 'nothing_here'"),
        ("tools.py", "def tool(:", "SyntaxError: "),
    ],
)
def test_an_app_that_cannot_be_loaded_is_told_by_its_own_lines(tmp_path: Path, file: str, text: str, told: str) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / file).write_text(text)
    code, output = ended(begun(GATE, "postgresql://x@127.0.0.1:9/x", PYTHONPATH=str(tmp_path), AETHERIS_APPS="shop"))
    assert code == 1
    assert output.startswith("The apps cannot be loaded:\n")
    assert output.splitlines()[-1].startswith(told)
    assert f'{tmp_path}/shop/{file}", line 1' in output
    assert (output.count('  File "'), "Traceback" in output) == (1, False)
