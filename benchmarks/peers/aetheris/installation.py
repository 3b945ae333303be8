"""An installation for one driver: a database of its own, workers, beat; and Django in this process, which submits."""

import os
import subprocess
import sys
import time
from pathlib import Path

import django
import redis

from aetheris.services.roles import POOL_SIZE, READY_FILE, beat_command, worker_command
from benchmarks.measure import database
from benchmarks.measure.cpu import memory
from benchmarks.measure.environ import BROKER, SCRATCH, THREADS
from benchmarks.measure.marks import await_that, forget
from benchmarks.measure.meter import Meter
from benchmarks.measure.processes import settle, start

ROOT = Path(__file__).resolve().parents[3]
DATABASE = "bench_aetheris"
MADE = "bench_aetheris_made"
WORKERS = 2
START_SECONDS = 60.0


def prepare() -> None:
    """A new database and an empty broker; this process can submit and ask."""
    broker().flushall()
    os.environ |= {
        "AETHERIS_BROKER_URL": BROKER,
        "AETHERIS_APPS": "benchmarks.peers.aetheris.work",
        "AETHERIS_LOG_LEVEL": "WARNING",
        "AETHERIS_SECRET_KEY": "benchmarks",
        "DJANGO_SETTINGS_MODULE": "aetheris.settings",
    }
    _make_template()
    os.environ["AETHERIS_DATABASE_URL"] = database.fresh(DATABASE, MADE)
    django.setup()
    forget()


def broker() -> redis.Redis:
    return redis.Redis(unix_socket_path=BROKER.removeprefix("redis+socket://"))


def _make_template() -> None:
    """The migrated database that this run's installations are copied from."""
    if not database.exists(MADE):
        environ = {**os.environ, "AETHERIS_DATABASE_URL": database.fresh(MADE)}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environ, check=True)


class Installation:
    """Two workers and beat. One worker more can be started later."""

    def __init__(self, workers: int = WORKERS, threads: int = THREADS) -> None:
        self.threads = threads
        self.beat = start("beat", [sys.executable, *beat_command()], folder=ROOT)
        self.workers = [start_worker(threads) for _ in range(workers)]
        settle([self.beat, *self.workers])
        self.mode = f"{workers} processes x {threads} threads"

    def meter(self) -> Meter:
        return Meter({"worker": self.workers, "beat": [self.beat]})

    def memory(self) -> float:
        return memory(self.workers)


def start_worker(threads: int) -> int:
    """The pid of a worker that consumes."""
    name = f"worker-{time.time_ns()}"
    ready = SCRATCH / f"{name}.ready"
    environ = {READY_FILE: str(ready), POOL_SIZE: str(threads + 4), "PYTHONUNBUFFERED": "1"}
    pid = start("worker", [sys.executable, *worker_command(f"{name}@%h", threads)], environ, ROOT)
    await_that(ready.exists, START_SECONDS, lambda: f"{name} does not consume")
    return pid
