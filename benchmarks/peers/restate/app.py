"""The services: `hypercorn benchmarks.peers.restate.app:app`."""

from datetime import timedelta
from typing import Any

import restate

from benchmarks.measure import loops, marks

bench = restate.Service("Bench")
suspended = restate.Service("Suspended", inactivity_timeout=timedelta(milliseconds=200))
"""What waits longer than that holds no process."""
Given = dict[str, Any]


def one() -> dict[str, bool]:
    return {"ok": True}


def noted(what: str, name: str) -> dict[str, bool]:
    marks.mark(what, name)
    return {"ok": True}


async def _note(ctx: restate.Context, what: str, name: str) -> dict[str, bool]:
    return await ctx.run_typed(what, noted, restate.RunOptions(), what, name)


@bench.handler()
async def chain(ctx: restate.Context, given: Given) -> dict[str, bool]:
    for _ in range(given["size"] - 1):
        await ctx.run_typed("one", one)
    return await _note(ctx, "done", given["name"])


@bench.handler()
async def long(ctx: restate.Context, given: Given) -> dict[str, bool]:
    await _note(ctx, "first", given["name"])
    for _ in range(given["size"] - 2):
        await ctx.run_typed("one", one)
    return await _note(ctx, "done", given["name"])


@bench.handler()
async def fan(ctx: restate.Context, given: Given) -> dict[str, bool]:
    await ctx.run_typed("one", one)
    await restate.gather(*[ctx.run_typed("one", one) for _ in range(given["size"])])
    return await _note(ctx, "done", given["name"])


@suspended.handler()
async def parked(ctx: restate.Context, given: Given) -> dict[str, bool]:
    return await _parked(ctx, given["name"])


@bench.handler()
async def held(ctx: restate.Context, given: Given) -> dict[str, bool]:
    return await _parked(ctx, given["name"])


async def _parked(ctx: restate.Context, name: str) -> dict[str, bool]:
    key, answer = ctx.awakeable()
    marks.mark("parked", name, key)
    await answer
    return await _note(ctx, "done", name)


@bench.handler()
async def killed(ctx: restate.Context, given: Given) -> dict[str, bool]:
    await ctx.run_typed("one", one)
    await ctx.run_typed("slow", loops.slow_step, restate.RunOptions(), given["name"])
    return await _note(ctx, "done", given["name"])


app = restate.app(services=[bench, suspended])
