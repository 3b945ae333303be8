"""Where users' code has failed stands in the log of the worker: the lines, and not what it was called with."""

import pytest

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from tests.world import Doorbells, Registered, World, again, function, submitted

pytestmark = pytest.mark.usefixtures("whole")


def broken(number: int) -> int:
    raise KeyError(f"the secret {number}")


def test_a_function_that_breaks(registered: Registered, doorbells: Doorbells, caplog: pytest.LogCaptureFixture) -> None:
    breaks = function(broken)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.function("one", breaks, number=7)
        return graph

    registered.agent(plan, breaks)
    job = submitted()
    doorbells.drain()
    assert "KeyError" in str(again(job).error)
    (line,) = (record.getMessage() for record in caplog.records if "FUNCTION_FAILED" in record.getMessage())
    assert line.startswith("one: ")
    assert 'raise KeyError(f"the secret {number}")' in line
    assert "secret 7" not in line


def test_a_tool_that_breaks(
    registered: Registered, world: World, doorbells: Doorbells, caplog: pytest.LogCaptureFixture
) -> None:
    act = world.tool("act", Effect.READ)
    world.answers["act"] = KeyError("the secret 7")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("one", act)
        return graph

    registered.agent(plan, act)
    submitted()
    doorbells.drain()
    line = next(record.getMessage() for record in caplog.records if "TOOL_IN_DOUBT" in record.getMessage())
    assert line.startswith("act of one: ")
    assert "fake_world.py" in line
    assert "secret 7" not in line


def test_a_plan_that_breaks(registered: Registered, doorbells: Doorbells, caplog: pytest.LogCaptureFixture) -> None:
    def plan() -> TaskGraph:
        raise StopIteration

    registered.agent(plan)
    submitted()
    doorbells.drain()
    (line,) = (record.getMessage() for record in caplog.records if "PLAN_FAILED" in record.getMessage())
    assert "raise StopIteration" in line
