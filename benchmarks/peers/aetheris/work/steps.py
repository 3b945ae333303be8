"""What the nodes do: nothing, but for those that note that they were reached."""

import os
import time

from aetheris import StepContext, ToolContext, function, step, tool
from benchmarks.measure.marks import mark

SLOW_SECONDS = 3.0


@function
def one() -> dict[str, bool]:
    return {"ok": True}


@function
def done(name: str) -> dict[str, bool]:
    mark("done", name)
    return {"ok": True}


@tool(effect="idempotent")
def call_one(ctx: ToolContext) -> dict[str, bool]:
    return {"ok": True}


@tool(effect="idempotent")
def call_done(ctx: ToolContext, name: str) -> dict[str, bool]:
    mark("done", name)
    return {"ok": True}


@tool(effect="idempotent", timeout=60)
def call_slow(ctx: ToolContext, name: str) -> dict[str, bool]:
    """Noted with the key by which the world outside would know it again."""
    mark("begun", name, os.getpid(), ctx.idempotency_key, time.time_ns())
    time.sleep(SLOW_SECONDS)
    mark("ended", name, os.getpid(), ctx.idempotency_key, time.time_ns())
    return {"ok": True}


@step
def calls(ctx: StepContext, name: str, length: int) -> int:
    for _ in range(length - 1):
        ctx.call(call_one)
    ctx.call(call_done, name=name)
    return length
