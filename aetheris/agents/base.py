"""Agent: a name, the tools it may use, and `plan`."""

import inspect
from typing import Any, ClassVar

from aetheris.core import registry
from aetheris.core.context import PlanContext
from aetheris.core.durations import seconds
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Function, Step, Tool
from aetheris.core.priority import USUAL, checked


class Agent:
    """Subclass it in an installed app's `agents.py`, give it a `name`, and autodiscovery registers it.

    `plan` is called once for each job, in a worker; its graph is stored and never planned again. Raise `version`
    when a change of the code means that jobs already under way must not be continued by it. A job that has not ended
    `deadline` after it was submitted, seconds or like `"2h"`, fails; None: it may take for ever.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    tools: ClassVar[list[Tool]] = []
    functions: ClassVar[list[Function]] = []
    steps: ClassVar[list[Step]] = []
    max_parallel: ClassVar[int | None] = None
    """How many nodes of one job may run at once; None: as many as there are workers."""
    deadline: ClassVar[str | float | None] = None
    priority: ClassVar[int] = USUAL
    """Of its jobs that come with none, from 1 (first) to 5 (last)."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.deadline is not None:
            seconds(cls.deadline)  # a duration that is none stops the start, not the first job
        checked(cls.priority)
        if not inspect.isabstract(cls) and "name" in cls.__dict__:
            registry.agents.register(cls.name, cls())

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        """The graph for this goal. Raise `CriticalError` with a code of your own when there can be none."""
        raise NotImplementedError(f"{type(self).__name__} has no plan()")
