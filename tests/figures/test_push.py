"""How soon whoever waits for a job has its result, and what the wait asks of the database."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from tests.e2e.conftest import Running
from tests.figures.conftest import Figure

pytestmark = pytest.mark.figure
OPTIONS = ("--app", "tests.figures")

JOBS = 100
SHORT, LONG = 0.5, 8.0
STATEMENTS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


def test_a_result_is_pushed(running: Running, figure: Figure) -> None:
    running.until(running.submit("park", agent="parking"), 30, "parked")
    late = sorted(_seconds_after_commit(running, SHORT) for _ in range(JOBS))
    figure("p95 of a pushed result after its commit", 1000 * late[int(0.95 * JOBS)], 50, "ms")
    figure("p50", 1000 * late[JOBS // 2], 50, "ms")


def test_a_long_wait_asks_no_more(running: Running, figure: Figure) -> None:
    """Twenty wait at once; the instance's own transactions in the same time are taken off."""
    asked = {}
    for seconds in (SHORT, LONG):
        job_id = _parked(running)
        before = running.rows(STATEMENTS)[0][0]
        time.sleep(seconds)
        own = running.rows(STATEMENTS)[0][0] - before
        with ThreadPoolExecutor(20) as pool:
            before = running.rows(STATEMENTS)[0][0]
            list(pool.map(lambda _: _wait(running, job_id, seconds), range(20)))
            asked[seconds] = (running.rows(STATEMENTS)[0][0] - before - own) / 20
    figure(f"transactions of a wait of {SHORT} s", asked[SHORT], 10)
    figure(f"more of them in a wait of {LONG} s", asked[LONG] - asked[SHORT], 1)


def _parked(running: Running) -> str:
    job_id = running.submit("park", agent="parking")
    running.until(job_id, 30, "parked")
    return job_id


def _wait(running: Running, job_id: str, seconds: float) -> None:
    running.api().get(f"/jobs/{job_id}/result", params={"wait": seconds}).raise_for_status()


def _seconds_after_commit(running: Running, seconds: float) -> float:
    """Between the database's clock in the transaction that ended the job and the answer in hand."""
    job_id = _parked(running)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_result, running, job_id)
        time.sleep(seconds)
        running.api().post(f"/jobs/{job_id}/stop", json={}).raise_for_status()
        at = waiting.result()
    return at - datetime.fromisoformat(running.job(job_id)["finished_at"]).timestamp()


def _result(running: Running, job_id: str) -> float:
    answer = running.api().get(f"/jobs/{job_id}/result", params={"wait": 15})
    assert answer.status_code == 200
    return time.time()
