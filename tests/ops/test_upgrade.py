"""An upgrade from the version before, on its own schema, with jobs in flight: docs/howto/upgrade.md."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.docs.reading import ROOT
from tests.e2e.test_two_versions import PREVIOUS, source_of
from tests.ops.servers import Installation, until


@pytest.fixture
def database(postgres_18: str) -> str:
    """An empty database."""
    name = "upgraded"
    with psycopg.connect(postgres_18, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres_18.replace("/aetheris?", f"/{name}?")


@pytest.fixture
def old(room: Path, database: str, redis_7: str) -> Iterator[Installation]:
    """The version before, with its own schema."""
    source = source_of(PREVIOUS, room / "previous")
    shutil.copytree(ROOT / "tests/ops/desk", source / "tests/ops/desk")
    installation = Installation(room, database, redis_7, source)
    installation.migrate()
    yield installation
    installation.dismiss()


def test_jobs_in_flight_outlive_it(room: Path, old: Installation, database: str, redis_7: str) -> None:
    old.hire()
    parked = old.act("submit", "0", "0", "0")
    old.reach("parked", *parked)
    running = old.act("submit", *["2"] * 12)
    until(lambda: "running" in old.states(*running), 60, old.log)

    new = Installation(room, database, redis_7)
    new.migrate()
    late = old.act("submit", "0")
    old.act("approve", parked[0])
    old.reach("completed", parked[0])
    new.hire()
    new.act("approve", parked[1])
    new.reach("completed", parked[1])
    old.dismiss()
    try:
        new.reach("parked", *running, *late)
        new.act("approve", parked[2], *running, *late)
        new.reach("completed", *parked, *running, *late)
        new.check()
    finally:
        new.dismiss()
