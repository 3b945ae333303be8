"""Two hundred mixed jobs, blows in the middle of them, and what must hold after a blow."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from tests.e2e.conftest import Running, eventually

JOBS = 200
GOALS = ("chain", "fan-out", "retry", "loop")
FINISHED = "SELECT id::text, ending FROM jobs_job WHERE id = ANY(%(jobs)s::uuid[]) AND ending <> ''"
ENTRIES = "SELECT idempotency_key, state, sends FROM ledger_entry WHERE job_id = ANY(%(jobs)s::uuid[])"
Blow = Callable[[Running], None]


class MixedJobs:
    """The jobs, submitted and begun, some of them finished; and what the outside world saw of them until then."""

    def __init__(self, running: Running) -> None:
        self._running = running
        with ThreadPoolExecutor(4) as pool:
            goals = (GOALS[number % len(GOALS)] for number in range(JOBS))
            self.ids = list(pool.map(lambda goal: running.submit(goal, agent="mixed"), goals))
        eventually(lambda: len(self.finished()) > JOBS // 10, 60, "nothing finishes")
        self._recorded = [key for key, state, _ in self._entries() if state == "committed"]
        assert len(self.finished()) < JOBS, "the blow must come in the middle"
        self._calls = self._called()

    def finished(self) -> dict[str, str]:
        """Job → how it ended. Nobody knows while the instance is away."""
        try:
            return dict(self._running.rows(FINISHED, jobs=self.ids))
        except (AssertionError, psycopg.OperationalError):
            return {}

    def all_finish(self, seconds: float) -> None:
        """All jobs end in time, and well."""
        eventually(lambda: len(self.finished()) == JOBS, seconds, "jobs were lost")
        assert set(self.finished().values()) == {"completed"}

    def repeated(self) -> list[str]:
        """Keys that were recorded before and called since, or called more often than the ledger says."""
        calls = self._called()
        again = [key for key in self._recorded if calls[key] != self._calls[key]]
        return again + [key for key, _, sends in self._entries() if calls[key] > sends]

    def _called(self) -> Counter[str]:
        mine = set(self.ids)
        return Counter(call["key"] for call in self._running.all_calls() if call["job"] in mine)

    def _entries(self) -> list[tuple[Any, ...]]:
        return self._running.rows(ENTRIES, jobs=self.ids)


def killed(*names: str) -> Blow:
    """The blow that kills these processes with -9, one after the other."""

    def blow(running: Running) -> None:
        processes = running.instance.processes
        for name in names:
            os.kill(processes[name], signal.SIGKILL)

    blow.__name__ = "_and_".join(names).replace("-", "_")
    return blow


def workers_beat_and_web(running: Running) -> None:
    killed("worker-1", "beat", "web")(running)
    time.sleep(1)
    killed("worker-2")(running)


def broker_with_its_data(running: Running) -> None:
    with running.broker() as broker:
        broker.flushall()
    killed("valkey")(running)


def everything_at_once(running: Running) -> None:
    """The supervisor takes all with it; PostgreSQL is killed first, so that it does not stop in order."""
    instance = running.instance
    killed("postgres")(running)
    os.kill(instance.pid, signal.SIGKILL)
    eventually(lambda: not os.path.exists(f"/proc/{instance.processes['web']}"), 10, "web outlived its supervisor")
    running.up()
