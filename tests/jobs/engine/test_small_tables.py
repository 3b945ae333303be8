"""A plan made while tables were small is kept by a connection while they grow: it must not read them whole."""

import re
from typing import Any

import psycopg
import pytest
from django.db import connection

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.ids import new_id
from jobs.engine import go_on
from tests import own_database
from tests.world import Doorbells, Registered, World, again, submitted

pytestmark = pytest.mark.usefixtures("whole")
FEW = 4
GROWING = r"Seq Scan on (?:jobs_(?:job|node|edge|body|submission)|ledger_\w+|signals_app_\w+)"


def test_every_session_of_the_role_plans_so() -> None:
    """Also one that a pooler has opened, and that no process of ours has set anything in."""
    with psycopg.connect(own_database.url()) as session:
        for name, value in (("plan_cache_mode", "force_generic_plan"), ("enable_seqscan", "off"), ("jit", "off")):
            assert session.execute(f"SHOW {name}").fetchone() == (value,)


def test_no_statement_of_a_backlog_reads_a_small_table_whole(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables are analysed when all that is in them is a page each."""
    monkeypatch.setattr(go_on, "_ahead", go_on.Ahead())
    monkeypatch.setattr(go_on, "SLICE_SECONDS", 600.0)
    look = world.tool("look", Effect.READ)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look)
        graph.wait("person", correlation_key="go-on")
        graph.edge("look", "person")
        return graph

    registered.agent(plan, look)
    jobs = [submitted() for _ in range(FEW)]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    read_whole: list[str] = []
    explained: list[str] = []

    def explain(execute: Any, statement: str, values: Any, *call: Any) -> Any:
        if re.match(r"\s*(?:SELECT|WITH|UPDATE|INSERT)", statement):
            execute(f"EXPLAIN {statement}", values, *call)
            lines = "\n".join(line for (line,) in call[-1]["cursor"].fetchall())
            explained.append(statement)
            read_whole.extend(f"{found} {statement}" for found in re.findall(GROWING, lines))
        return execute(statement, values, *call)

    with connection.execute_wrapper(explain):
        go_on.answer(jobs[0].pk, "plan", ["realtime", "default"], new_id())
    assert {again(job).state for job in jobs} == {"parked"}
    assert len(explained) > 2 * FEW
    assert read_whole == []
