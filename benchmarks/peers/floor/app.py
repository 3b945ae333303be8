"""A process of threads that claim jobs and write their steps: `python -m benchmarks.peers.floor.app`."""

import os
import threading
from collections.abc import Callable
from typing import Any

import django
import psycopg
from django.conf import settings
from django.db import connection

from benchmarks.measure import loops, marks
from benchmarks.measure.apps import is_up
from benchmarks.measure.environ import THREADS
from benchmarks.peers.floor.tables import ALL_STEPS, CLAIM, STEP

Execute = Callable[..., Any]


def one_by_one(execute: Execute, job: int) -> None:
    for seq in range(1, loops.STEPS + 1):
        execute(STEP, (job, seq, seq, "done" if seq == loops.STEPS else "running", job))


def at_once(execute: Execute, job: int) -> None:
    execute(ALL_STEPS, (job, loops.STEPS, loops.STEPS, job))


def work(execute: Execute, write: Callable[[Execute, int], None]) -> None:
    """Claim jobs until there is none."""
    while claimed := execute(CLAIM).fetchall():
        for job, name in claimed:
            write(execute, job)
            marks.mark("done", name)


def through_psycopg(write: Callable[[Execute, int], None]) -> None:
    with psycopg.connect(os.environ["BENCH_URL"], autocommit=True) as own:
        work(own.execute, write)


def through_django() -> None:
    def execute(*call: Any) -> Any:
        cursor.execute(*call)
        return cursor

    with connection.cursor() as cursor:
        work(execute, one_by_one)


VARIANTS: dict[str, Callable[[], None]] = {
    "psycopg": lambda: through_psycopg(one_by_one),
    "django cursor": through_django,
    "ten steps in one statement": lambda: through_psycopg(at_once),
}

if __name__ == "__main__":
    found = psycopg.conninfo.conninfo_to_dict(os.environ["BENCH_URL"])
    names = {"NAME": found["dbname"], "USER": found["user"], "HOST": found["host"]}
    settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", **names}}, USE_TZ=True)
    django.setup()
    is_up()
    marks.await_mark("go", loops.PATIENCE)
    for _ in range(THREADS):
        threading.Thread(target=VARIANTS[os.environ["BENCH_VARIANT"]]).start()
    # The CPU of this process is read when all are done.
    threading.Event().wait()
