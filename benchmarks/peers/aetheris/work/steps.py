"""What the nodes do: nothing, but for those that note that they were reached."""

from aetheris import StepContext, ToolContext, function, step, tool
from benchmarks.measure.loops import slow_step
from benchmarks.measure.marks import mark


@function
def one() -> dict[str, bool]:
    return {"ok": True}


@function
def first(name: str) -> dict[str, bool]:
    mark("first", name)
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
    slow_step(name, ctx.idempotency_key)
    return {"ok": True}


@step
def calls(ctx: StepContext, name: str, length: int) -> int:
    for _ in range(length - 1):
        ctx.call(call_one)
    ctx.call(call_done, name=name)
    return length
