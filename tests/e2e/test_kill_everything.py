"""kill -9 of every process there is, in the middle of 200 mixed jobs: all finish, and nothing recorded runs again."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import redis

from tests.e2e.conftest import LEASE_SECONDS, Running, eventually

JOBS = 200
GOALS = ("chain", "fan-out", "retry", "loop")
WORK_SECONDS = 60.0
"""For the machine to do the work itself, slowly; what is bounded is the time after that."""


def kill(running: Running, *names: str) -> None:
    for name in names:
        pid = running.instance.processes[name]
        os.kill(pid, signal.SIGKILL)


def workers_beat_and_web(running: Running) -> None:
    kill(running, "worker-1", "beat", "web")
    time.sleep(1)
    kill(running, "worker-2")


def the_broker_with_its_data(running: Running) -> None:
    address = running.instance.broker_url.removeprefix("redis+socket://")
    with redis.Redis(unix_socket_path=address) as client:
        client.flushall()
    kill(running, "valkey")


def everything_at_once(running: Running) -> None:
    """The supervisor takes all with it; PostgreSQL is killed first, so that it does not stop in order."""
    instance = running.instance
    kill(running, "postgres")
    os.kill(instance.pid, signal.SIGKILL)
    eventually(lambda: not os.path.exists(f"/proc/{instance.processes['web']}"), 10, "web outlived its supervisor")
    running.up()


@pytest.mark.parametrize("blow", [workers_beat_and_web, the_broker_with_its_data, everything_at_once])
def test_all_jobs_finish(running: Running, blow: Callable[[Running], None]) -> None:
    with ThreadPoolExecutor(4) as pool:
        jobs = list(pool.map(lambda number: running.submit(GOALS[number % len(GOALS)], agent="mixed"), range(JOBS)))
    eventually(lambda: len(finished(running, jobs)) > JOBS // 10, 60, "nothing finishes")
    recorded = committed(running, jobs)
    assert len(finished(running, jobs)) < JOBS, "the blow must come in the middle"
    calls_before = Counter(call["key"] for job in jobs for call in running.calls(job))

    blow(running)

    eventually(lambda: len(finished(running, jobs)) == JOBS, WORK_SECONDS + LEASE_SECONDS + 2, "jobs were lost")
    assert set(finished(running, jobs).values()) == {"completed"}
    calls = Counter(call["key"] for job in jobs for call in running.calls(job))
    for key in recorded:
        assert calls[key] == calls_before[key], f"{key} was recorded before the blow and called again"
    for key, sends in sent(running, jobs).items():
        assert calls[key] <= sends, f"{key} was called more often than the ledger says"


def rows(running: Running, statement: str, jobs: list[str]) -> list[tuple[str, object]]:
    with psycopg.connect(running.instance.database_url) as connection:
        return connection.execute(statement, [jobs]).fetchall()


def finished(running: Running, jobs: list[str]) -> dict[str, object]:
    """Job → how it ended."""
    try:
        return dict(
            rows(running, "SELECT id::text, ending FROM jobs_job WHERE id = ANY(%s::uuid[]) AND ending <> ''", jobs)
        )
    except (AssertionError, psycopg.OperationalError):
        return {}  # the instance is just not there


def committed(running: Running, jobs: list[str]) -> list[str]:
    statement = "SELECT idempotency_key, 1 FROM ledger_entry WHERE job_id = ANY(%s::uuid[]) AND state = 'committed'"
    return [key for key, _ in rows(running, statement, jobs)]


def sent(running: Running, jobs: list[str]) -> dict[str, int]:
    statement = "SELECT idempotency_key, sends FROM ledger_entry WHERE job_id = ANY(%s::uuid[])"
    return {key: int(str(sends)) for key, sends in rows(running, statement, jobs)}
