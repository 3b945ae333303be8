"""The least that a durable wake-up through Celery costs: `celery -A benchmarks.peers.floor.woken worker`.

Whoever wakes reads a job and writes one step by hand, then sends a task. The task reads the job, has then reached its
own step, and writes that. Two statements before the message and one between it and the step, each commit flushed, and
nothing of an engine.
"""

import os
from functools import cache

import psycopg
from celery import Celery

from benchmarks.measure import marks
from benchmarks.measure.environ import BROKER
from benchmarks.peers.floor.tables import READ, STEP

app = Celery("bench", broker=BROKER)
app.conf.update(broker_connection_retry_on_startup=True, task_ignore_result=True)


@cache
def _connection() -> psycopg.Connection:
    return psycopg.connect(os.environ["BENCH_URL"], autocommit=True, prepare_threshold=0)


def read(name: str) -> tuple[int, int]:
    """A job's id, and the number of its last step."""
    ((job, seq),) = _connection().execute(READ, (name,)).fetchall()
    return job, seq


def write(job: int, seq: int) -> None:
    """A step of a job."""
    _connection().execute(STEP, (job, seq, seq, "running", job))


def wake(name: str) -> None:
    job, seq = read(name)
    write(job, seq + 1)
    woken.apply_async((name,))


@app.task
def woken(name: str) -> None:
    job, seq = read(name)
    marks.mark("done", name)
    write(job, seq + 1)
