"""W1, W3 and W4 of the floor in Python."""

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing

import psycopg
import redis

from benchmarks.measure import database, loops, marks
from benchmarks.measure.apps import start_apps
from benchmarks.measure.driver import drive, tell
from benchmarks.measure.environ import BROKER, THREADS
from benchmarks.measure.latency import milliseconds
from benchmarks.measure.meter import Meter
from benchmarks.measure.processes import end_all, start
from benchmarks.peers.floor import woken
from benchmarks.peers.floor.tables import DATABASE, STEP, TABLES

CELERY = ("-m", "celery", "-A", "benchmarks.peers.floor.woken", "worker", "-c", "2", "-l", "WARNING")
VARIANTS = {"psycopg": 1, "django cursor": 1, "ten steps in one statement": 4}
"""And how many times as many jobs it takes to measure one."""


def w1(jobs: int = 1_000) -> None:
    for variant, times in VARIANTS.items():
        url = database.fresh(DATABASE)
        count = times * jobs
        database.sql(TABLES, DATABASE)
        database.sql(f"INSERT INTO job (name) SELECT 'job-' || n FROM generate_series(1, {count}) AS n", DATABASE)  # noqa: S608
        marks.forget()
        pids = start_apps("floor", *[{"BENCH_URL": url, "BENCH_VARIANT": variant}] * 2)
        figures = loops.throughput(Meter({"worker": pids}), _go_once, count)
        tell("w1", f"{variant}, 2 processes x {THREADS} threads", **figures)
        end_all()


def _go_once(name: str) -> None:
    """The jobs are there: they are begun by one word."""
    if name == "job-0":
        marks.mark("go")


def w3(times: int = 300) -> None:
    """What the database and the broker need to wake another process, an engine apart."""
    url = database.fresh(DATABASE)
    with psycopg.connect(url, autocommit=True) as sender, psycopg.connect(url, autocommit=True) as receiver:
        receiver.execute("LISTEN bench")
        # It holds the receiver until it is closed.
        with closing(receiver.notifies()) as woken:
            tell("w3", "NOTIFY", **_wakes(lambda: sender.execute("NOTIFY bench"), lambda: next(woken), times))
    broker = redis.Redis(unix_socket_path=BROKER.removeprefix("redis+socket://"))
    tell("w3", "BLPOP", **_wakes(lambda: broker.lpush("bench", 1), lambda: broker.blpop(["bench"]), times))
    _through_celery(times // 3)


def _through_celery(jobs: int) -> None:
    os.environ["BENCH_URL"] = database.fresh(DATABASE)
    database.sql(TABLES, DATABASE)
    database.sql(f"INSERT INTO job (name) SELECT 'job-' || n FROM generate_series(0, {jobs}) AS n", DATABASE)  # noqa: S608
    start("floor", [sys.executable, *CELERY])
    loops.run(woken.wake, jobs)
    marks.forget()
    tell("w3", "Celery, three statements by hand", **loops.wake_ups(woken.wake, jobs))


def _wakes(send: Callable[[], object], receive: Callable[[], object], times: int) -> dict[str, float]:
    arrived: list[float] = []

    def listen() -> None:
        for _ in range(times):
            receive()
            arrived.append(time.time())

    listener = threading.Thread(target=listen)
    listener.start()
    sent = []
    for _ in range(times):
        time.sleep(0.004)
        sent.append(time.time())
        send()
    listener.join()
    return milliseconds([there - here for here, there in zip(sent, arrived, strict=True)])


def w4(*lengths: int) -> None:
    url = database.fresh(DATABASE)
    database.sql(TABLES, DATABASE)
    jobs = itertools.count(1)
    with psycopg.connect(url, autocommit=True) as connection:
        for length in lengths or (10, 100, 1_000, 10_000):

            def submit(name: str, steps: int = length) -> None:
                job = next(jobs)
                connection.execute("INSERT INTO job (id, name) VALUES (%s, %s)", (job, name))
                for seq in range(1, steps + 1):
                    connection.execute(STEP, (job, seq, seq, "running", job))
                    if seq in (1, steps):
                        marks.mark("first" if seq == 1 else "done", name)

            tell("w4", "psycopg, 1 process", **loops.growth(submit, length))


if __name__ == "__main__":
    drive({"w1": w1, "w3": w3, "w4": w4})
