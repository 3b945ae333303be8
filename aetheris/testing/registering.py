"""Agents, tools, functions and steps for one test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

from aetheris.core import registry
from aetheris.core.context import PlanContext
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Function, ModelAdapter, Step, Tool
from aetheris.core.priority import USUAL


class PlanningAgent:
    """An agent that plans what the test gave it. `planned` counts how often it did."""

    version: ClassVar[str] = "1"
    max_parallel: ClassVar[int | None] = None
    deadline: str | float | None = None
    priority: int = USUAL

    def __init__(self, name: str, plan: Callable[[], TaskGraph], *handlers: Tool | Function | Step) -> None:
        self.name = name
        self.tools = [handler for handler in handlers if isinstance(handler, Tool)]
        self.functions = [handler for handler in handlers if isinstance(handler, Function)]
        self.steps = [handler for handler in handlers if isinstance(handler, Step)]
        self._plan = plan
        self.planned = 0

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        self.planned += 1
        return self._plan()


class Registered:
    """Registers handlers for one test; until `restore` there are no others."""

    def __init__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self._emptied = ExitStack()
        for kind in (registry.agents, registry.tools, registry.functions, registry.steps, registry.models):
            self._emptied.enter_context(kind.emptied())

    def agent(
        self, plan: Callable[[], TaskGraph], *handlers: Tool | Function | Step, name: str = "test-agent"
    ) -> PlanningAgent:
        """An agent with these handlers, whose plan is `plan()`."""
        agent = PlanningAgent(name, plan, *handlers)
        self.put_all(agent)
        return agent

    def put_all(self, agent: PlanningAgent) -> None:
        """Register an agent with its handlers."""
        for tool in agent.tools:
            self.put(registry.tools, tool.name, tool)
        for each in agent.functions:
            self.put(registry.functions, each.name, each)
        for step in agent.steps:
            self.put(registry.steps, step.name, step)
        self.put(registry.agents, agent.name, agent)

    def put(self, where: registry.Registry[Any], name: str, item: Any) -> None:
        where.register(name, item)

    def forget(self) -> None:
        """Nothing is registered any more."""
        self.restore()
        self._empty()

    def restore(self) -> None:
        """What was registered before the test is back."""
        self._emptied.close()


@contextmanager
def every_model_is(adapter: ModelAdapter) -> Iterator[None]:
    """While the body runs, this one answers for each provider that is registered, and for `script`."""
    names = {"script", *registry.models.names()}
    with registry.models.emptied():
        for name in names:
            registry.models.register(name, adapter)
        yield
