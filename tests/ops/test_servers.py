"""The engine's own tests on the servers that production has: PgBouncer, PostgreSQL 15, Redis."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.docs.reading import ROOT
from tests.ops import servers

ENGINE = ("walk", "recovery", "retries", "transactional", "waits", "cancel", "sweep")
BEHIND_A_POOLER = [*(f"tests/jobs/engine/test_{name}.py" for name in ENGINE), "tests/races/test_one_winner.py"]
ON_ANOTHER_VERSION = [
    *(f"tests/jobs/engine/test_{name}.py" for name in ("walk", "recovery", "workflows")),
    "tests/jobs/test_due_querysets.py",
    "tests/jobs/api/test_metrics.py",
    "tests/ledger/test_append_only.py",
]
WITH_ANOTHER_BROKER = ["tests/jobs/api/test_live.py", "tests/aetheris/test_celery.py"]
UNPREPARED = {"AETHERIS_DATABASE_PREPARE": "false"}


def run(tests: list[str], database_url: str, broker_url: str, **settings: str) -> None:
    """These tests pass on these servers. Their database is made anew, and goes with its server."""
    urls = {"AETHERIS_DATABASE_URL": database_url, "AETHERIS_BROKER_URL": broker_url}
    environ = {**os.environ, **urls, "AETHERIS_UNSAFE_DATABASE": "true", **settings}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--reuse-db", "-p", "no:cacheprovider", *tests]
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    print(ended.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def bouncer(room: Path, postgres_18: str) -> Iterator[str]:
    with servers.pgbouncer(room / "bouncer", postgres_18) as url:
        yield url


def version(url: str) -> str:
    with psycopg.connect(url, prepare_threshold=None) as connection:
        return str(connection.execute("SHOW server_version").fetchone())


def test_the_engine_works_behind_pgbouncer(bouncer: str, broker: str) -> None:
    run(BEHIND_A_POOLER, bouncer, broker, **UNPREPARED)


def test_statements_stay_prepared_behind_a_pgbouncer_that_knows_them(room: Path, postgres_18: str, broker: str) -> None:
    newer = servers.pgbouncer(room / "newer", postgres_18, servers.NEWER_PGBOUNCER, max_prepared_statements=200)
    with newer as url:
        run(BEHIND_A_POOLER, url, broker)


def test_the_gate_lets_pass_what_is_behind_pgbouncer(bouncer: str, broker: str) -> None:
    urls = {"AETHERIS_DATABASE_URL": bouncer, "AETHERIS_BROKER_URL": broker}
    environ = {name: value for name, value in os.environ.items() if name != "AETHERIS_UNSAFE_DATABASE"} | urls
    environ["DJANGO_SETTINGS_MODULE"] = "aetheris.settings"
    command = [sys.executable, "-m", "aetheris.gate"]
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_engine_works_on_postgresql_15(postgres_15: str, broker: str) -> None:
    assert "15." in version(postgres_15)
    run(ON_ANOTHER_VERSION, postgres_15, broker)


def test_the_runtime_works_with_redis(postgres_15: str, redis_7: str) -> None:
    assert "Redis server v=" in subprocess.run([servers.REDIS, "--version"], capture_output=True, text=True).stdout
    run(WITH_ANOTHER_BROKER, postgres_15, redis_7)
