"""A worker, `python -m benchmarks.peers.procrastinate.app`."""

import asyncio
import os
import time

import procrastinate

from benchmarks.measure import marks
from benchmarks.measure.apps import is_up
from benchmarks.measure.loops import SLOW_SECONDS

CONCURRENCY = int(os.environ.get("BENCH_CONCURRENCY", "1"))
JOINED = """
    INSERT INTO bench_join AS joined (name, count) VALUES (%(name)s, 1)
        ON CONFLICT (name) DO UPDATE SET count = joined.count + 1 RETURNING count"""
"""It has no join: the last branch finds out that it is the last."""

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["BENCH_URL"]))


@app.task(name="step")
async def step(name: str, left: int, first: bool = False) -> None:
    if first:
        marks.mark("first", name)
    if left == 1:
        marks.mark("done", name)
    else:
        await step.defer_async(name=name, left=left - 1)


@app.task(name="fan")
async def fan(name: str, width: int) -> None:
    await branch.batch_defer_async(*[{"name": name, "width": width} for _ in range(width)])


@app.task(name="branch")
async def branch(name: str, width: int) -> None:
    joined = await app.connector.execute_query_one_async(JOINED, name=name)
    if joined["count"] == width:
        await step.defer_async(name=name, left=1)


@app.task(name="killed")
async def killed(name: str) -> None:
    marks.mark("begun", name, os.getpid(), time.time_ns(), time.time_ns())
    await asyncio.sleep(SLOW_SECONDS)
    marks.mark("ended", name, os.getpid(), time.time_ns(), time.time_ns())
    await step.defer_async(name=name, left=1)


async def work() -> None:
    async with app.open_async():
        is_up()
        await app.run_worker_async(concurrency=CONCURRENCY, install_signal_handlers=True)


if __name__ == "__main__":
    asyncio.run(work())
