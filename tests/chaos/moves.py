"""Every move of a row, as the database saw it: triggers write down what no reader between two statements could see."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from jobs.states import NODE_MOVES, JobState
from ledger.states import ENTRY_MOVES
from signals_app.states import APPROVAL_MOVES, WAIT_MOVES

TABLES = {
    "node": "jobs_node",
    "entry": "ledger_entry",
    "wait": "signals_app_wait",
    "approval": "signals_app_approval",
    "job": "jobs_job",
}
DECLARED = {
    (kind, str(before), str(after))
    for kind, moves in (
        ("node", NODE_MOVES),
        ("entry", ENTRY_MOVES),
        ("wait", WAIT_MOVES),
        ("approval", APPROVAL_MOVES),
    )
    for before, afters in moves.items()
    for after in afters
}
BY_A_RETRY = {("node", "failed", "blocked"), ("node", "cancelled", "blocked"), ("wait", "cancelled", "declared")}
"""The machine tries no job again; tests/jobs/engine/test_requeue.py does."""
JOB_STATES = {str(state) for state in JobState}

_BEGIN = """
CREATE TABLE seen_move (kind text, before text, after text, PRIMARY KEY (kind, before, after));
CREATE FUNCTION see_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen_move VALUES (TG_ARGV[0], OLD.state, NEW.state) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
"""
_WATCH = """
CREATE TRIGGER see_move AFTER UPDATE ON {table} FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
EXECUTE FUNCTION see_move('{kind}');
"""


@contextmanager
def watched() -> Iterator[None]:
    """Write every move down from now on."""
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN + "".join(_WATCH.format(kind=kind, table=table) for kind, table in TABLES.items()))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for table in TABLES.values():
                cursor.execute(f"DROP TRIGGER see_move ON {table}")
            cursor.execute("DROP FUNCTION see_move; DROP TABLE seen_move")


def seen() -> set[tuple[str, str, str]]:
    """(kind, before, after) of every move so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, before, after FROM seen_move")
        return {(str(kind), str(before), str(after)) for kind, before, after in cursor.fetchall()}
