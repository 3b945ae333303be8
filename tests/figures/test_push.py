"""How soon whoever waits for a job has its result."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from tests.e2e.conftest import Running
from tests.figures.conftest import Figure

pytestmark = pytest.mark.figure
OPTIONS = ("--app", "tests.figures")

JOBS = 100
SITS_SECONDS = 0.5
"""What is measured is who waits already."""


def test_a_result_is_pushed(running: Running, figure: Figure) -> None:
    running.until(running.submit("park", agent="parking"), 30, "parked")
    late = sorted(_seconds_after_commit(running) for _ in range(JOBS))
    figure("p95 of a pushed result after its commit", 1000 * late[int(0.95 * JOBS)], 50, "ms")
    figure("p50", 1000 * late[JOBS // 2], 50, "ms")


def _parked(running: Running) -> str:
    job_id = running.submit("park", agent="parking")
    running.until(job_id, 30, "parked")
    return job_id


def _seconds_after_commit(running: Running) -> float:
    """Between the database's clock in the transaction that ended the job and the answer in hand."""
    job_id = _parked(running)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_result, running, job_id)
        time.sleep(SITS_SECONDS)
        running.api().post(f"/jobs/{job_id}/stop", json={}).raise_for_status()
        at = waiting.result()
    return at - datetime.fromisoformat(running.job(job_id)["finished_at"]).timestamp()


def _result(running: Running, job_id: str) -> float:
    answer = running.api().get(f"/jobs/{job_id}/result", params={"wait": 15})
    assert answer.status_code == 200
    return time.time()
