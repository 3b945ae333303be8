"""Workers whose clock is an hour ahead or behind, side by side: only the database's clock decides.

What sweeps here is an hour ahead as well.
"""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.killing_worker import Moment
from tests.e2e.shifts import LEASE_SECONDS, Seen, Shifts

PATIENCE_SECONDS = 40.0
LATE_SECONDS = 2.0
"""How long after its time something may be noticed."""
AHEAD, BEHIND = "+1h", "-1h"
OFF = {AHEAD: 1, BEHIND: -1}
RUNNING = "SELECT lease_expires_at FROM jobs_node WHERE job_id = %(job)s AND state = 'running'"
RECLAIMED = "SELECT at FROM ledger_event WHERE job_id = %(job)s AND type = 'node_reclaimed'"
NAPS = "SELECT opened_at, expires_at, ended_at FROM signals_app_wait WHERE job_id = ANY(%(jobs)s::uuid[])"
ENDED = "SELECT deadline_at, finished_at FROM jobs_job WHERE id = %(job)s"
SENT = "SELECT now(), opened_at, send_by FROM ledger_entry WHERE job_id = %(job)s AND step_id = 'pay'"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shifts]:
    instance = Shifts(tmp_path_factory.mktemp("clocks"), clock=AHEAD)
    instance.up()
    yield instance
    found = instance.run("-m", "aetheris.testing.check")
    instance.down()
    assert found == "", "all invariants hold"


@pytest.fixture
def shifts(instance: Shifts) -> Iterator[Shifts]:
    yield instance
    instance.end_workers()


def in_time(due: datetime, done: datetime) -> bool:
    """Whether it was not done before it was due, and soon after."""
    return timedelta(0) <= done - due < timedelta(seconds=LATE_SECONDS)


@pytest.mark.parametrize(("first", "second"), [(AHEAD, BEHIND), (BEHIND, AHEAD)])
def test_leases_end_neither_early_nor_late(shifts: Shifts, first: str, second: str) -> None:
    """Nobody takes one that is kept, whatever time he believes it is; that of a killed worker ends when it should."""
    killed = shifts.worker(clock=first)
    kept, lost = shifts.submit("slow_letter 5"), shifts.submit("remembered_payment 7")
    eventually(lambda: bool(shifts.calls(kept) and shifts.calls(lost)), PATIENCE_SECONDS, "the calls did not begin")
    successor = shifts.worker(clock=second)
    shifts.until(kept, PATIENCE_SECONDS, "completed")
    killed.kill()
    ((expires_at,),) = shifts.rows(RUNNING, job=lost)
    shifts.until(lost, PATIENCE_SECONDS, "completed")

    assert [call["pid"] for call in shifts.calls(kept)] == [killed.pid]
    assert shifts.rows(RECLAIMED, job=kept) == []
    ((reclaimed_at,),) = shifts.rows(RECLAIMED, job=lost)
    assert in_time(expires_at, reclaimed_at)
    calls = shifts.calls(lost)
    assert [call["pid"] for call in calls] == [killed.pid, successor.pid]
    assert len({call["key"] for call in calls}) == 1, "its provider still knows the key"
    hours = [round((call["wall"] - time.time()) / 3600) for call in calls]
    assert hours == [OFF[first], OFF[second]], "the clocks were really wrong"


def test_a_key_is_not_used_again_after_its_window(shifts: Shifts) -> None:
    """By the clock of whoever goes on it would last for an hour more."""
    killed = shifts.worker(clock=AHEAD)
    job = shifts.submit("forgotten_payment 30")
    eventually(lambda: bool(shifts.calls(job)), PATIENCE_SECONDS, "the call did not begin")
    killed.kill()
    shifts.worker(clock=BEHIND)
    shifts.until(job, PATIENCE_SECONDS, "parked")
    assert len(shifts.calls(job)) == 1


@pytest.mark.parametrize("clocks", [[AHEAD], [AHEAD, BEHIND]], ids=["all ahead", "side by side"])
def test_timers_and_deadlines_end_on_the_time_of_the_database(shifts: Shifts, clocks: list[str]) -> None:
    for clock in clocks:
        shifts.worker(clock=clock)
    naps = [shifts.submit("1.5", agent="napper") for _ in range(6)]
    late = shifts.submit("60", agent="late-napper")
    for nap in naps:
        shifts.until(nap, PATIENCE_SECONDS, "completed")
    shifts.until(late, PATIENCE_SECONDS, "failed")
    for opened_at, expires_at, ended_at in shifts.rows(NAPS, jobs=naps):
        assert expires_at - opened_at == timedelta(seconds=1.5)
        assert in_time(expires_at, ended_at)
    ((deadline_at, finished_at),) = shifts.rows(ENDED, job=late)
    assert in_time(deadline_at, finished_at)


@pytest.mark.parametrize("clock", OFF)
def test_a_call_is_sent_in_its_time(shifts: Shifts, clock: str) -> None:
    shifts.worker(clock=clock)
    job = shifts.submit("once", agent="payer")
    shifts.until(job, PATIENCE_SECONDS, "completed")
    assert shifts.seen(job, "once") == Seen(1, ["1"], 1, ["committed 1"], "completed", "completed")
    ((now, opened_at, send_by),) = shifts.rows(SENT, job=job)
    assert timedelta(0) < now - opened_at < timedelta(seconds=PATIENCE_SECONDS)
    assert send_by - opened_at == timedelta(seconds=LEASE_SECONDS)


@pytest.mark.parametrize(("sleeper", "other"), [(AHEAD, BEHIND), (BEHIND, AHEAD)])
def test_nothing_is_sent_after_its_time(shifts: Shifts, sleeper: str, other: str) -> None:
    """The worker is stopped in the call, before its request, and wakes up when another one has gone on."""
    stopped = shifts.worker(Moment.BEFORE_REQUEST, "SIGSTOP", clock=sleeper)
    job = shifts.submit("idempotent", agent="payer")
    stopped.has_stopped(PATIENCE_SECONDS)
    shifts.worker(clock=other)
    shifts.until(job, PATIENCE_SECONDS, "completed")
    stopped.wake_up(PATIENCE_SECONDS)
    assert shifts.seen(job, "idempotent") == Seen(1, ["1"], 1, ["committed 2"], "completed", "completed")
