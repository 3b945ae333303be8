"""What a node can call, as the engine sees it: tools, functions, agents, model adapters. Data and protocols only."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from aetheris.core.findings import Finding
from aetheris.core.schema import Signature

if TYPE_CHECKING:
    from aetheris.core.context import PlanContext
    from aetheris.core.graph import TaskGraph


class Effect(StrEnum):
    """What a tool does to the world outside, and so what may follow a crash in the middle of it: the strictest last."""

    PURE = "pure"
    READ = "read"
    TRANSACTIONAL = "transactional"
    IDEMPOTENT = "idempotent"
    VERIFIABLE = "verifiable"
    ONCE = "once"

    @property
    def writes(self) -> bool:
        return self not in (Effect.PURE, Effect.READ)

    @property
    def leaves_doubt(self) -> bool:
        """Whether a lost worker may have left an effect that nobody knows; what was rolled back is none."""
        return self.writes and self is not Effect.TRANSACTIONAL


class OnChange(StrEnum):
    """What follows when the world is no longer as a tool left it before its job stopped."""

    STRICT = "strict"
    """The job fails."""
    WARN = "warn"
    """An event tells of it, and the job goes on."""
    HUMAN = "human"
    """A person says whether it goes on."""


@dataclass
class Hooks:
    """What else a tool knows about its effect; each is a function that only reads."""

    reconcile: Callable[..., Finding] | None = None
    verify: Callable[..., str | None] | None = None


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
    hooks: Hooks = field(default_factory=Hooks, compare=False)
    on_change: OnChange = OnChange.STRICT

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)

    def reconcile(self, hook: Callable[..., Finding]) -> Callable[..., Finding]:
        """Declare how the provider is asked whether an effect in doubt took place: `hook(ctx, …)` takes what the tool
        takes, `ctx.idempotency_key` is that of the effect, and it answers `Happened(result)`, `DidNotHappen()` or
        `Undecided(reason)`. It only reads. An exception counts as undecided."""
        self._check_hook(hook)
        self.hooks.reconcile = hook
        return hook

    def verify(self, hook: Callable[..., str | None]) -> Callable[..., str | None]:
        """Declare how a recorded result is held against the world before a job that stopped goes on:
        `hook(ctx, recorded, …)` takes the result and what the tool takes, and answers None, or a sentence that says
        what is no longer so; then `on_change` says what follows. It only reads."""
        self._check_hook(hook, "recorded")
        self.hooks.verify = hook
        return hook

    def check(self) -> None:
        """Raise `TypeError` when the declaration cannot be kept: better at start than at the first call."""
        self.signature.check(result=True)
        if self.effect is Effect.VERIFIABLE and self.hooks.reconcile is None:
            raise TypeError(f"{self.name} is verifiable, so it needs a hook that asks: @{self.name}.reconcile")
        if self.effect is Effect.TRANSACTIONAL:
            _check_ordinary(self.name, self.call, "it runs inside a transaction, which is its thread's")
        if not self.timeout > 0:
            raise TypeError(f"{self.name} has a timeout of {self.timeout:g} seconds; nothing can be done in that")
        if self.effect is Effect.IDEMPOTENT and not self.window > self.timeout:
            raise TypeError(
                f"{self.name} has a window of {self.window:g} seconds, which must be longer than its timeout of "
                f"{self.timeout:g}: else its key may be forgotten before one call has ended"
            )

    def _check_hook(self, hook: Callable[..., Any], *more: str) -> None:
        signature = Signature(hook)
        expected = [*more, *self.signature.names]
        if not signature.takes_context or sorted(signature.names) != sorted(expected):
            raise TypeError(f"{hook.__qualname__}: a hook of {self.name} takes {', '.join(['ctx', *expected])}")


def _check_ordinary(name: str, call: Callable[..., Any], reason: str) -> None:
    if inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call):
        raise TypeError(f"{name} cannot be async: {reason}")


@dataclass(frozen=True)
class _Code:
    """Registered code that is no tool."""

    name: str
    call: Callable[..., Any]
    signature: Signature = field(compare=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)

    def check(self) -> None:
        """Raise `TypeError` for an `async def`, and when the hints of the arguments make no schema. Its result may be
        a graph."""
        _check_ordinary(self.name, self.call, "it waits for nothing but its ctx")
        self.signature.check(result=False)


class Function(_Code):
    """A registered pure function: same arguments, same answer, nothing outside."""


class Step(_Code):
    """A registered step: code that reaches the world only through its `ctx`, and may run again from its beginning."""


class Planner(Protocol):
    """An agent, as the engine sees it."""

    name: ClassVar[str]
    version: ClassVar[str]
    tools: "ClassVar[list[Tool]]"
    functions: "ClassVar[list[Function]]"
    steps: "ClassVar[list[Step]]"
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


@runtime_checkable
class AskableModelAdapter(ModelAdapter, Protocol):
    """One whose vendor can be asked, free of charge, whether it would answer."""

    def has(self, model: str, timeout: float) -> bool:
        """Whether the vendor says within this time that it has the model. Raises nothing."""
        ...
