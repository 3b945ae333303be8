"""A job of one step node, `work`: what tests of steps begin with."""

from collections.abc import Callable
from typing import Any

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Tool
from aetheris.core.steps import StepContext
from jobs.models import Job
from tests.world import Registered, step, submitted

Code = Callable[[StepContext], Any]


def one_step(registered: Registered, code: Code, *tools: Tool) -> Job:
    """A submitted job whose plan is the one step node `work`."""

    def work(ctx: StepContext) -> Any:
        return code(ctx)

    declared = step(work)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.step("work", declared)
        return graph

    registered.agent(plan, declared, *tools)
    return submitted()
