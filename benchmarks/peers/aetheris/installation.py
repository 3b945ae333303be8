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
from benchmarks.measure.environ import BROKER, SCRATCH, THREADS
from benchmarks.measure.marks import await_that, forget
from benchmarks.measure.meter import Meter
from benchmarks.measure.processes import end_all, is_alive, settle, start

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
    """Two workers and beat."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.beat = start("beat", [sys.executable, *beat_command()], folder=ROOT)
        self.workers = start_workers(threads)
        settle([self.beat, *self.workers])
        self.mode = f"{len(self.workers)} processes x {threads} thread{'s' * (threads > 1)}"

    def meter(self) -> Meter:
        return Meter({"worker": self.workers, "beat": [self.beat]})

    def lives(self) -> bool:
        return all(is_alive(pid) for pid in (self.beat, *self.workers))


_running: list[Installation] = []


def running(threads: int = THREADS) -> Installation:
    """The one of this driver whose workers have so many threads, started if there is none."""
    if not _running or not _running[-1].lives() or _running[-1].threads != threads:
        end_all()
        _running.append(Installation(threads))
    return _running[-1]


def start_workers(threads: int) -> list[int]:
    """The pids of workers that consume."""
    pids, files = [], []
    for number in range(WORKERS):
        name = f"worker-{number}-{time.time_ns()}"
        files.append(SCRATCH / f"{name}.ready")
        environ = {READY_FILE: str(files[-1]), POOL_SIZE: str(threads + 4), "PYTHONUNBUFFERED": "1"}
        pids.append(start(name, [sys.executable, *worker_command(f"{name}@%h", threads)], environ, ROOT))
    await_that(lambda: all(file.exists() for file in files), START_SECONDS, lambda: "a worker does not consume")
    return pids
