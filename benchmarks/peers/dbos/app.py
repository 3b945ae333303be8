"""A worker of the queue, `python -m benchmarks.peers.dbos.app`; its name is in `DBOS__VMID`."""

import asyncio
import os
import threading

from dbos import DBOS

from benchmarks.measure import loops, marks
from benchmarks.measure.apps import is_up

QUEUE = "bench"
DBOS(config={"name": "bench", "system_database_url": os.environ["BENCH_URL"], "log_level": "WARNING"})


@DBOS.step()
def one() -> dict[str, bool]:
    return {"ok": True}


@DBOS.step()
def first(name: str) -> dict[str, bool]:
    marks.mark("first", name)
    return {"ok": True}


@DBOS.step()
def done(name: str) -> dict[str, bool]:
    marks.mark("done", name)
    return {"ok": True}


@DBOS.step()
def slow(name: str) -> None:
    loops.slow_step(name)


@DBOS.step()
async def one_of_many() -> dict[str, bool]:
    return {"ok": True}


@DBOS.step()
async def done_after_many(name: str) -> dict[str, bool]:
    marks.mark("done", name)
    return {"ok": True}


@DBOS.workflow()
def chain(name: str, length: int) -> dict[str, bool]:
    for _ in range(length - 1):
        one()
    return done(name)


@DBOS.workflow()
def long(name: str, length: int) -> dict[str, bool]:
    first(name)
    for _ in range(length - 2):
        one()
    return done(name)


@DBOS.workflow()
async def fan(name: str, width: int) -> dict[str, bool]:
    await one_of_many()
    await asyncio.gather(*(one_of_many() for _ in range(width)))
    return await done_after_many(name)


@DBOS.workflow()
def parked(name: str) -> dict[str, bool]:
    marks.mark("parked", name)
    DBOS.recv("go", timeout_seconds=86_400)
    return done(name)


@DBOS.workflow()
async def parked_async(name: str) -> dict[str, bool]:
    marks.mark("parked", name)
    await DBOS.recv_async("go", timeout_seconds=86_400)
    return await done_after_many(name)


@DBOS.workflow()
def killed(name: str) -> dict[str, bool]:
    one()
    slow(name)
    return done(name)


if __name__ == "__main__":
    DBOS.launch()
    DBOS.register_queue(
        QUEUE,
        polling_interval_sec=float(os.environ.get("BENCH_POLL", "1.0")),
        worker_concurrency=int(os.environ.get("BENCH_CONCURRENCY", "0")) or None,
        on_conflict="always_update",
    )
    is_up()
    threading.Event().wait()
