"""W1 to W7 on Celery's canvas: one worker with two processes. It has no wait for a signal: W3 sends what would follow,
W7 sends tasks that are due in an hour."""

import os
import signal
import sys
from typing import Any

import redis
from celery import chain, group

from benchmarks.measure import loops, marks
from benchmarks.measure.driver import drive, tell
from benchmarks.measure.environ import BROKER
from benchmarks.measure.meter import Meter
from benchmarks.measure.processes import settle, start
from benchmarks.peers.canvas.app import done, first, one, slow

MODE = "1 worker, 2 processes, not durable"
COMMAND = ("-m", "celery", "-A", "benchmarks.peers.canvas.app", "worker", "-c", "2", "-l", "WARNING")
QUIET = ("--without-gossip", "--without-mingle")
RESULT_SECONDS = 60
WATCHED = 30.0
HOUR = 3_600


def valkey() -> redis.Redis:
    return redis.Redis(unix_socket_path=BROKER.removeprefix("redis+socket://"))


def up() -> Meter:
    """A worker that has answered."""
    valkey().flushall()
    marks.forget()
    pid = start("canvas", [sys.executable, *COMMAND, *QUIET])
    _run_one("first")
    settle([pid])
    loops.run(_chain, 6)
    return Meter({"worker": [pid]}, postgres=False)


def _chain(name: str) -> object:
    return chain(*[one.si() for _ in range(loops.STEPS - 1)], done.si(name)).apply_async()


def _fan(name: str) -> object:
    return chain(one.si(), group(one.si() for _ in range(loops.WIDTH)), done.si(name)).apply_async()


def _long(length: int) -> loops.Act:
    def submit(name: str) -> object:
        middle = [one.si() for _ in range(length - 2)]
        return chain(first.si(name), *middle, done.si(name)).apply_async()

    return submit


def _run_one(name: str) -> Any:
    return done.apply_async((name,)).get(timeout=RESULT_SECONDS)


def w1(jobs: int = 400) -> None:
    tell("w1", MODE, **loops.throughput(up(), _chain, jobs))


def w2(*at_once: int) -> None:
    meter = up()
    loops.run(_fan, 1)
    for count in at_once or (1, 20):
        tell("w2", MODE, **loops.fan_out(meter, _fan, count))


def w3(jobs: int = 100) -> None:
    up()
    marks.forget()
    tell("w3", MODE, **loops.wake_ups(lambda name: done.apply_async((name,)), jobs))


def w4(*lengths: int) -> None:
    """A chain carries its rest in each message: it is not tried with ten thousand."""
    up()
    for length in lengths or (10, 100, 1_000):
        tell("w4", MODE, **loops.growth(_long(length), length))


def w5(jobs: int = 50) -> None:
    up()
    tell("w5", MODE, **loops.starts(_run_one, jobs))


def w6() -> None:
    """One of the worker's two processes is killed."""
    up()
    figures = loops.recovery(_killed, lambda pid: os.kill(pid, signal.SIGKILL), WATCHED)
    tell("w6", "a process that lives on, defaults", **figures)


def _killed(name: str) -> object:
    return chain(one.si(), slow.si(name), done.si(name)).apply_async()


def w7(jobs: int = 10_000) -> None:
    figures = loops.parked(
        up(),
        lambda name: done.apply_async((name,), countdown=HOUR),
        jobs,
        lambda: int(valkey().info("memory")["used_memory"]),
        lambda: {"w5": loops.starts(_run_one, 20)},
    )
    tell("w7", MODE, **figures)


if __name__ == "__main__":
    drive({"w1": w1, "w2": w2, "w3": w3, "w4": w4, "w5": w5, "w6": w6, "w7": w7})
