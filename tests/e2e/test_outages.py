"""The servers go away under a running instance: the broker with all its data, the database for longer than a lease."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from aetheris.services.processes import using
from tests.e2e.conftest import LEASE_SECONDS, Running, eventually


def is_completed(running: Running, job_id: str) -> bool:
    """Whether the job is; while a server is away nobody may know."""
    try:
        return bool(running.job(job_id)["status"] == "completed")
    except httpx.HTTPError:
        return False


def test_a_broker_that_loses_all_its_messages_costs_seconds(running: Running) -> None:
    jobs = [running.submit("slow_payment 0.3") for _ in range(12)]
    for pid in using("valkey-server", running.data / "valkey"):
        os.kill(pid, signal.SIGKILL)
    # In one step: the broker is being started again, and writes into what a slow removal has not reached yet.
    (running.data / "valkey").rename(running.data / "valkey.lost")
    jobs += [running.submit("slow_payment 0.3") for _ in range(12)]
    for job in jobs:
        eventually(lambda job=job: is_completed(running, job), 20, f"{job} was not completed")  # type: ignore[misc]
        assert len(running.calls(job)) == 1


def server(running: Running) -> list[int]:
    """The database server's process, then those of its connections and helpers."""
    (first,) = using("postgres", running.data / "postgres")
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [first, *map(int, children)]


@contextmanager
def killed(pids: list[int]) -> Iterator[None]:
    """The server is killed with -9; the supervisor starts it again at once."""
    os.kill(pids[0], signal.SIGKILL)
    yield


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """No process of the server does anything for two leases."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2 * LEASE_SECONDS)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    yield


@pytest.mark.parametrize("away", [killed, frozen])
def test_a_worker_that_lives_keeps_its_node_while_the_database_is_away(
    running: Running,
    away: Callable[[list[int]], AbstractContextManager[None]],
) -> None:
    """The call cannot be repeated: were its lease taken, its outcome would be unknown."""
    job = running.submit("slow_letter 5")
    eventually(lambda: bool(running.calls(job)), 20, "the call did not begin")
    with away(server(running)):
        eventually(lambda: is_completed(running, job), 40, "the job was not completed")
    assert len(running.calls(job)) == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_request_and_no_node_fails_after_the_database_was_restarted(running: Running, how: signal.Signals) -> None:
    """Not even while the new server is still starting, though every connection of web and workers has ended."""
    before = running.submit("slow_read 0")
    running.until(before, 20, "completed")
    with ThreadPoolExecutor(16) as people:
        list(people.map(lambda _: running.job(before), range(64)))
    gone = server(running)
    os.kill(gone[0], how)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in gone), 20, "the server did not end")

    jobs = [running.submit("slow_payment 0") for _ in range(12)]
    assert running.job(before)["status"] == "completed"
    for job in jobs:
        running.until(job, 20, "completed")
        assert len(running.calls(job)) == 1
        told = running.api().get(f"/jobs/{job}/events").raise_for_status().json()["events"]
        assert "node_reclaimed" not in {event["type"] for event in told}


def test_while_the_database_is_away_a_request_is_told_to_come_back(running: Running) -> None:
    """Its server cannot be started for a while. What was answered for is there when it can."""
    job = running.submit("slow_read 0")
    running.until(job, 20, "completed")
    settings = running.data / "postgres" / "postgresql.conf"
    sound = settings.read_text()
    try:
        settings.write_text(f"{sound}\nthere_is_no_such_setting = on\n")
        os.kill(server(running)[0], signal.SIGKILL)
        answer = running.api().get(f"/jobs/{job}")
    finally:
        settings.write_text(sound)
    told = answer.status_code, answer.json()["error"]["code"], answer.headers["Retry-After"]
    assert told == (503, "DATABASE_AWAY", "5")
    eventually(lambda: is_completed(running, job), 60, "the job is not there any more")
