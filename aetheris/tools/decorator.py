"""`@tool`, `@function` and `@step`: declare what nodes may call."""

from collections.abc import Callable
from typing import Any

from aetheris.core import registry
from aetheris.core.durations import seconds
from aetheris.core.handlers import Effect, Function, OnChange, Step, Tool
from aetheris.core.schema import Signature


def tool(
    *,
    effect: str = Effect.ONCE,
    name: str = "",
    version: str = "1",
    timeout: str | float = 30.0,
    window: str | float = "24h",
    settle: str | float = "10m",
    queue: str = "default",
    on_change: str = OnChange.STRICT,
) -> Callable[[Callable[..., Any]], Tool]:
    """Declare a tool: the only way for a node to touch the world outside.

    `effect` is its class (`docs/guarantees.md`); the default is the strictest. `timeout` bounds one call, `window` is
    how long the provider honours an idempotency key, `settle` how long a request that was sent may still take effect,
    `on_change` what follows when its `verify` hook finds the world changed. Type hints give the schemas; `ctx` comes
    first. Raises `ValueError` when two tools share a name, `TypeError` when the function does not take `ctx` first.
    """

    def declare(call: Callable[..., Any]) -> Tool:
        signature = Signature(call)
        if not signature.takes_context:
            raise TypeError(f"{call.__qualname__}: a tool takes ctx as its first argument")
        declared = Tool(
            name=name or call.__name__,
            call=call,
            effect=Effect(effect),
            version=version,
            timeout=seconds(timeout),
            window=seconds(window),
            settle=seconds(settle),
            queue=queue,
            on_change=OnChange(on_change),
            signature=signature,
        )
        return registry.tools.register(declared.name, declared)

    return declare


def function(call: Callable[..., Any]) -> Function:
    """Register a pure function for function nodes. It takes no `ctx` and may be run again at any time."""
    signature = Signature(call)
    if signature.takes_context:
        raise TypeError(f"{call.__qualname__}: a function takes no ctx; declare what touches the world as a tool")
    return registry.functions.register(call.__name__, Function(call.__name__, call, signature))


def step(call: Callable[..., Any]) -> Step:
    """Register a step for step nodes: code with several effects, each through `ctx`, which comes first
    (`aetheris.core.steps`). It may be run again from its beginning at any time."""
    signature = Signature(call)
    if not signature.takes_context:
        raise TypeError(f"{call.__qualname__}: a step takes ctx as its first argument")
    return registry.steps.register(call.__name__, Step(call.__name__, call, signature))
