"""The least that a durable wake-up through Celery costs: `celery -A benchmarks.peers.floor.woken worker`.

Whoever wakes reads a job and writes one step by hand, then sends a task; the task does the same with its own step. Two
statements before the message and two after it, each commit flushed, and nothing of an engine.
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


def write_step(name: str) -> None:
    """Read the job, and write its next step."""
    ((job, seq),) = _connection().execute(READ, (name,)).fetchall()
    _connection().execute(STEP, (job, seq + 1, seq + 1, "running", job))


def wake(name: str) -> None:
    write_step(name)
    woken.apply_async((name,))


@app.task
def woken(name: str) -> None:
    write_step(name)
    marks.mark("done", name)
