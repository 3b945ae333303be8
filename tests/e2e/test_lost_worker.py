"""kill -9 of the worker in the middle of a call, with the witness outside."""

import pytest

from tests.e2e.conftest import LEASE_SECONDS, Running

RESTART_SECONDS = 15.0
"""For a new worker process to start while the machine is busy; a survivor needs none of it."""


@pytest.mark.parametrize("tool", ["slow_read", "slow_payment"])
def test_what_may_be_repeated_is_repeated_under_the_same_key(running: Running, tool: str) -> None:
    job = running.submit(f"{tool} 4")
    first = running.kill_worker_of(job)
    ended = running.until(job, LEASE_SECONDS + 4 + RESTART_SECONDS, "completed")
    calls = running.calls(job)
    assert len(calls) == 2
    assert len({call["key"] for call in calls}) == 1
    assert calls[1]["pid"] != first
    assert ended["result"] == {"key": calls[0]["key"]}


def test_what_may_not_be_repeated_is_shown(running: Running) -> None:
    job = running.submit("slow_letter 4")
    running.kill_worker_of(job)
    parked = running.until(job, LEASE_SECONDS + RESTART_SECONDS, "parked")
    assert len(running.calls(job)) == 1
    assert [wait["wait_kind"] for wait in parked["waits"]] == ["resolution"]


def test_a_stop_and_a_start_lose_nothing(running: Running) -> None:
    """A parked job is there after the whole instance has been down, and so is a finished one."""
    parked = running.submit("slow_letter 4")
    running.kill_worker_of(parked)
    running.until(parked, LEASE_SECONDS + RESTART_SECONDS, "parked")
    done = running.submit("slow_read 0")
    before = [running.until(done, RESTART_SECONDS, "completed"), running.job(parked)]
    running.down()
    running.up()
    assert [running.job(done), running.job(parked)] == before
    replayed = running.api().get(f"/jobs/{parked}/replay").raise_for_status().json()
    assert replayed["verification"] == {"chain_valid": True, "broken_at": None, "consistent": True, "differences": []}
