"""The world outside, in memory: tools that record their calls and answer what a test says."""

import inspect
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import wraps
from typing import Any, NamedTuple

from aetheris.core.context import ToolContext
from aetheris.core.findings import DidNotHappen, Finding, Happened
from aetheris.core.handlers import Effect, Hooks, Tool
from aetheris.core.schema import Signature
from aetheris.testing.in_turn import InTurn

NO_OTHER = object()


class Call(NamedTuple):
    """One call that reached the world."""

    tool: str
    arguments: dict[str, Any]
    key: str


@dataclass(frozen=True)
class _Lost:
    result: Any


def lost(result: Any) -> Any:
    """An answer that never comes, though the effect took place: the caller sees its connection end."""
    return _Lost(result)


class FakeWorld:
    """Records every `Call` in `calls`. What a tool answers stands in `answers` under its name: a value; an error, which
    is raised; `lost(value)`; `in_turn(…)` of these; or a function, which is given `ctx` and those of the tool's
    arguments that it names. A tool without an answer answers with its first argument.

    A provider that can be asked answers from what has happened here: `Happened` for a key that took effect, else
    `DidNotHappen`. `answers["<tool>.reconcile"]` and `answers["<tool>.verify"]` say otherwise.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: dict[str, Any] = {}
        self._happened: list[tuple[Call, Any]] = []
        self._fakes = ExitStack()

    def fake(self, tool: Tool, answer: Any = NO_OTHER) -> Tool:
        """Put this world behind a declared tool until the test ends: its function is not called any more, its
        declaration holds. In place, because agents, plans and steps have that very object."""
        if answer is not NO_OTHER:
            self.answers[tool.name] = answer
        _swap(self._fakes, tool, call=self._function(tool.name, tool.call), hooks=self._hooks(tool))
        return tool

    def tool(self, name: str, effect: Effect | str = Effect.READ, **options: Any) -> Tool:
        """A tool of this world that takes one optional argument, `value`."""

        def call(ctx: ToolContext, value: Any = None) -> Any: ...

        call = self._function(name, call)
        defaults = {"version": "1", "timeout": 30.0, "window": 86400.0, "settle": 600.0, "queue": "default"}
        return Tool(
            name=name, effect=Effect(effect), **{"call": call, "signature": Signature(call), **defaults, **options}
        )

    def called(self, tool: Tool | str) -> int:
        """How often a tool, or that of this name, was called."""
        name = tool if isinstance(tool, str) else tool.name
        return sum(1 for call in self.calls if call.tool == name)

    def applied(self, tool: Tool) -> int:
        """How often a tool took effect, at a provider that does what the tool's class says of it."""
        keys = [call.key for call, _ in self._happened if call.tool == tool.name]
        return len(set(keys) if tool.effect is Effect.IDEMPOTENT else keys)

    def check(self) -> None:
        """Raise `AssertionError` if a tool was called more often than its script answers."""
        for answer in self.answers.values():
            if isinstance(answer, InTurn):
                answer.check()

    def restore(self) -> None:
        """What stands behind the declared tools is back."""
        self._fakes.close()

    def _function(self, name: str, declared: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(declared)
        def call(ctx: ToolContext, *values: Any, **arguments: Any) -> Any:
            bound = inspect.signature(declared).bind(ctx, *values, **arguments)
            bound.apply_defaults()
            _, *given = bound.arguments.items()
            return self._answer(Call(name, dict(given), ctx.idempotency_key), ctx)

        return call

    def _answer(self, call: Call, ctx: ToolContext) -> Any:
        self.calls.append(call)
        first = next(iter(call.arguments.values()), None)
        answer = _resolved(self.answers.get(call.tool, first), call, ctx)
        if isinstance(answer, Exception):
            raise answer
        result = answer.result if isinstance(answer, _Lost) else answer
        self._happened.append((call, result))
        if isinstance(answer, _Lost):
            raise ConnectionResetError("The connection ended before the answer came.")
        return result

    def _hooks(self, tool: Tool) -> Hooks:
        name = tool.name

        def reconcile(ctx: ToolContext, **arguments: Any) -> Finding:
            results = [result for call, result in self._happened if call.key == ctx.idempotency_key]
            found = Happened(results[0]) if results else DidNotHappen()
            answer: Finding = self._hook_answer(f"{name}.reconcile", found, arguments, ctx)
            return answer

        def verify(ctx: ToolContext, recorded: Any, **arguments: Any) -> str | None:
            answer: str | None = self._hook_answer(f"{name}.verify", None, {"recorded": recorded, **arguments}, ctx)
            return answer

        return Hooks(tool.hooks.reconcile and reconcile, tool.hooks.verify and verify)

    def _hook_answer(self, name: str, otherwise: Any, arguments: dict[str, Any], ctx: ToolContext) -> Any:
        answer = _resolved(self.answers.get(name, otherwise), Call(name, arguments, ctx.idempotency_key), ctx)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _resolved(answer: Any, call: Call, ctx: ToolContext) -> Any:
    """What scripts and functions come to."""
    if isinstance(answer, InTurn):
        answer = answer(f"{call.tool}({call.arguments})")
    if not callable(answer):
        return answer
    named = inspect.signature(answer).parameters
    return answer(ctx, **{name: value for name, value in call.arguments.items() if name in named})


def _swap(until: ExitStack, tool: Tool, **fields: Any) -> None:
    """Give a frozen tool other fields until the stack is closed."""
    for name, value in fields.items():
        until.callback(object.__setattr__, tool, name, getattr(tool, name))
        object.__setattr__(tool, name, value)
