"""Name → object: what autodiscovery found in this process. A worker runs only what is registered here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from aetheris.core.errors import UnknownName
from aetheris.core.handlers import Function, ModelAdapter, Planner, Step, Tool

T = TypeVar("T")


class Registry(Generic[T]):
    """One kind of thing by name. Registering another object under a taken name raises `ValueError`."""

    def __init__(self, kind: str, code: str) -> None:
        self._kind = kind
        self._code = code
        self._items: dict[str, T] = {}

    def register(self, name: str, item: T) -> T:
        if self._items.setdefault(name, item) is not item:
            raise ValueError(f"Two {self._kind}s are called {name!r}; rename one.")
        return item

    def get(self, name: str) -> T:
        """Raise `UnknownName`, naming what there is, when nothing is registered under `name`."""
        try:
            return self._items[name]
        except KeyError:
            known = ", ".join(sorted(self._items)) or "none"
            raise UnknownName(f"There is no {self._kind} {name!r}; there is: {known}.", code=self._code) from None

    @contextmanager
    def emptied(self) -> Iterator[None]:
        """For tests: nothing is registered inside; what was is back afterwards."""
        kept, self._items = self._items, {}
        try:
            yield
        finally:
            self._items = kept

    def names(self) -> list[str]:
        return sorted(self._items)

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[T]:
        return iter([self._items[name] for name in self.names()])


def code_here() -> set[tuple[str, str]]:
    """Name and version of each agent in this process."""
    return {(agent.name, agent.version) for agent in agents}


agents: Registry[Planner] = Registry("agent", "AGENT_NOT_FOUND")
tools: Registry[Tool] = Registry("tool", "TOOL_NOT_FOUND")
functions: Registry[Function] = Registry("function", "FUNCTION_NOT_FOUND")
steps: Registry[Step] = Registry("step", "STEP_NOT_FOUND")
models: Registry[ModelAdapter] = Registry("model provider", "MODEL_PROVIDER_NOT_FOUND")
