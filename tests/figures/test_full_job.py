"""A job that runs as many nodes as it may: what it has READY besides costs a receiver's look nothing."""

import time
from datetime import timedelta

import pytest
from django.db import connection

from aetheris.core.context import ToolContext
from aetheris.core.errors import CriticalError
from aetheris.core.graph import TaskGraph
from benchmarks.measure.cpu import cpu_seconds
from jobs.models import Job, Node
from tests.figures.conftest import Figure
from tests.world import Doorbells, Registered, World, again, submitted

pytestmark = pytest.mark.figure

FEW, MANY = 10, 10_000
LOOKS = 500


def test_a_look_past_a_full_job_is_flat(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    def look_past(ready: int) -> float:
        """CPU milliseconds of a look while one node of a job that may run one runs, and so many are READY."""
        spent = []

        def measure(ctx: ToolContext) -> None:
            assert Job.objects.get(pk=ctx.job_id).nodes_ready == ready
            spent.append(look_milliseconds())
            raise CriticalError("It is measured.")

        def plan() -> TaskGraph:
            graph = TaskGraph()
            for number in range(ready + 1):
                graph.tool(f"node-{number}", work)
            return graph

        registered.forget()
        world.answers["work"] = measure
        work = world.tool("work")
        monkeypatch.setattr(registered.agent(plan, work), "max_parallel", 1)
        job = submitted()
        doorbells.drain()
        assert again(job).state == "failed"
        return spent[0]

    few, many = look_past(FEW), look_past(MANY)
    name = f"a look past a full job: {few:.2f} ms with {FEW} READY, {many:.2f} ms with {MANY}"
    figure(name, many / few, 1.5, "times")


def look_milliseconds() -> float:
    """CPU time of this process and its database connection for one look that finds nothing."""
    connection.ensure_connection()
    backend = connection.connection.info.backend_pid
    began = cpu_seconds([backend]) + time.process_time()
    for _ in range(LOOKS):
        assert Node.objects.look(["default"], {("test-agent", "1")}, timedelta(0), 8).nodes == []
    return 1_000 * (cpu_seconds([backend]) + time.process_time() - began) / LOOKS
