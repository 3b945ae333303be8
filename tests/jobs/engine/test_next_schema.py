"""The schema of the next version is there before its code: what that adds, with a default, troubles nobody."""

import itertools
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from jobs.engine.signal import signal
from tests.world import APPROVER, Doorbells, Registered, World, again, submitted

OURS = ("jobs", "ledger", "signals_app")


@pytest.fixture
def expanded(database: None) -> Iterator[None]:
    """Every table has a column more, which must not be empty."""
    models = itertools.chain.from_iterable(apps.get_app_config(name).get_models() for name in OURS)
    tables = sorted({model._meta.db_table for model in models})
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ADD COLUMN of_the_next_version text NOT NULL DEFAULT 'nothing'")
    yield
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DROP COLUMN of_the_next_version")
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # sessions remember what the tables were


@pytest.mark.usefixtures("expanded", "whole")
def test_a_job_is_done_on_it(registered: Registered, world: World, doorbells: Doorbells) -> None:
    """Planned, called, called next by the same activation, parked, answered, called again."""
    look, pay = world.tool("look"), world.tool("pay", Effect.IDEMPOTENT)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look, value="x" * 2000)
        graph.tool("pay", pay, value=1)
        graph.wait("ask", kind="human", correlation_key="ask-1")
        graph.tool("pay-more", pay, value=1)
        for one, other in itertools.pairwise(("look", "pay", "ask", "pay-more")):
            graph.edge(one, other)
        return graph

    registered.agent(plan, look, pay)
    job = submitted()
    doorbells.drain()
    assert signal(job.pk, "ask-1", {"approved": True}, APPROVER) == "applied"
    doorbells.drain()
    assert again(job).state == "completed"
