"""Backup and restore of a running system, as docs/howto/back-up.md says: into a new cluster, whose transactions are
counted from the beginning."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from aetheris.services.binaries import find_postgres
from tests.docs.reading import read
from tests.ops import servers
from tests.ops.servers import Installation, until

AHEAD = "SELECT count(*) FROM ledger_event WHERE placed >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

OF_ROLE = {
    "idle_in_transaction_session_timeout": "5s",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "jit": "off",
}


@pytest.fixture
def before(room: Path, postgres_18: str, redis_7: str) -> Iterator[Installation]:
    installation = Installation(room, postgres_18, redis_7)
    installation.migrate()
    yield installation
    installation.dismiss()


def dumped(url: str, file: Path, programs: Path) -> None:
    subprocess.run([programs / "pg_dump", "--format=custom", f"--file={file}", url], check=True)


def restored(url: str, file: Path, programs: Path) -> None:
    options = ["--exit-on-error", "--no-owner", "--role=aetheris", f"--dbname={url}"]
    subprocess.run([programs / "pg_restore", *options, file], check=True)


def counted_anew(url: str) -> None:
    """The statements of the page."""
    page = read("howto/back-up.md")
    statements = page.partition("```sql\n")[2].partition("```")[0]
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in filter(None, map(str.strip, statements.split(";"))):
            connection.execute(statement)


def test_what_was_parked_is_approved_after_a_restore_and_completes(
    room: Path, before: Installation, postgres_18: str, redis_7: str
) -> None:
    programs = find_postgres(room / "none")
    before.hire()
    done, parked = before.act("submit", "0", "0")
    before.reach("parked", done, parked)
    before.act("approve", done)
    before.reach("completed", done)
    running = before.act("submit", *["0.3"] * 20)
    until(lambda: "parked" in before.states(*running), 60, before.log)
    dumped(postgres_18, room / "dump", programs)
    before.dismiss()
    before.act("approve", parked)  # it is not in the backup

    with servers.postgres(room / "restored", programs) as url:
        restored(url, room / "dump", programs)
        counted_anew(url)
        after = Installation(room, url, redis_7)
        after.migrate()
        after.check()
        assert after.states(parked) == {"parked"}
        with psycopg.connect(url) as connection:
            assert connection.execute(AHEAD).fetchone() == (0,), "whoever follows all events waits for old transactions"
            for setting, value in OF_ROLE.items():
                assert connection.execute(f"SHOW {setting}").fetchone() == (value,), "pg_dump leaves it out"
        after.hire()
        try:
            after.act("approve", parked)
            after.reach("completed", parked)
            after.reach("parked", *running)
            after.act("approve", *running)
            after.reach("completed", done, parked, *running)
            after.check()
        finally:
            after.dismiss()
