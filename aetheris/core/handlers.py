"""What a node can call, as the engine sees it: tools, functions, agents, model adapters. Data and protocols only."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from aetheris.core.schema import Signature

if TYPE_CHECKING:
    from aetheris.core.context import PlanContext
    from aetheris.core.graph import TaskGraph


class Effect(StrEnum):
    """What a tool does to the world outside, and so what may follow a crash in the middle of it."""

    PURE = "pure"
    READ = "read"
    TRANSACTIONAL = "transactional"
    IDEMPOTENT = "idempotent"
    VERIFIABLE = "verifiable"
    ONCE = "once"

    @property
    def writes(self) -> bool:
        return self not in (Effect.PURE, Effect.READ)


@dataclass(frozen=True)
class Tool:
    """A declared tool. `timeout`, `window` and `settle` are seconds; calling it calls the function."""

    name: str
    call: Callable[..., Any]
    effect: Effect
    version: str
    timeout: float
    window: float
    settle: float
    queue: str
    signature: Signature = field(compare=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)


@dataclass(frozen=True)
class Function:
    """A registered pure function: same arguments, same answer, nothing outside."""

    name: str
    call: Callable[..., Any]
    signature: Signature = field(compare=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)


class Planner(Protocol):
    """An agent, as the engine sees it."""

    name: ClassVar[str]
    version: ClassVar[str]
    tools: "ClassVar[list[Tool]]"
    functions: "ClassVar[list[Function]]"
    max_parallel: "ClassVar[int | None]"
    deadline: "ClassVar[str | float | None]"
    priority: ClassVar[int]

    def plan(self, ctx: "PlanContext", goal: str) -> "TaskGraph": ...


@dataclass(frozen=True)
class ModelRequest:
    """One question to a model. `model` is the provider's own name for it."""

    model: str
    prompt: str
    inputs: dict[str, Any]
    answer: dict[str, Any] | None
    temperature: float
    timeout: float


@dataclass(frozen=True)
class ModelAnswer:
    """What a model said, and which model it was."""

    text: str
    model: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class ModelAdapter(Protocol):
    """One vendor's wire format."""

    def complete(self, request: ModelRequest) -> ModelAnswer:
        """Ask once, without retries. Any exception is doubt; an LLM call changes nothing, so it is asked again."""
        ...
