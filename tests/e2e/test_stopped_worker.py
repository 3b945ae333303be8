"""A worker that is stopped (SIGSTOP) for longer than its lease, and wakes up when somebody else has gone on."""

from typing import Any

import pytest

from tests.e2e.killing_worker import Moment
from tests.e2e.shifts import Seen, Shifts, Worker

PATIENCE_SECONDS = 40.0
BEFORE_IT_SENT = [Moment.BEFORE_CALL, Moment.BEFORE_REQUEST]


def stopped(shifts: Shifts, moment: Moment) -> Worker:
    """A worker that has stopped at this moment."""
    worker = shifts.worker(moment, "SIGSTOP")
    worker.has_stopped(PATIENCE_SECONDS)
    return worker


def told(shifts: Shifts, job: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = shifts.api().get(f"/jobs/{job}/events").raise_for_status().json()["events"]
    return events


@pytest.mark.parametrize("moment", BEFORE_IT_SENT)
def test_it_sends_nothing_and_what_the_other_one_did_stands(shifts: Shifts, moment: Moment) -> None:
    job = shifts.submit("idempotent", agent="payer")
    sleeper = stopped(shifts, moment)
    shifts.worker()
    shifts.until(job, PATIENCE_SECONDS, "completed")
    ended = told(shifts, job)

    sleeper.wake_up(PATIENCE_SECONDS)
    assert shifts.seen(job, "idempotent") == Seen(1, ["1"], 1, ["committed 2"], "completed", "completed")
    assert told(shifts, job) == ended, "it changes nothing and tells nothing"


@pytest.mark.parametrize("moment", BEFORE_IT_SENT)
def test_that_it_sent_nothing_is_certain_and_ends_the_doubt_about_it(shifts: Shifts, moment: Moment) -> None:
    """Nobody knew whether the effect of class `once` had happened. It had not, and is tried under a new key."""
    job = shifts.submit("once", agent="payer")
    sleeper = stopped(shifts, moment)
    shifts.worker()
    shifts.until(job, PATIENCE_SECONDS, "parked")
    assert shifts.seen(job, "once") == Seen(0, [], 0, ["unknown 1"], "waiting", "parked")

    sleeper.wake_up(PATIENCE_SECONDS)
    shifts.until(job, PATIENCE_SECONDS, "completed")
    seen = Seen(1, ["2"], 1, ["failed 1", "committed 1"], "completed", "completed")
    assert shifts.seen(job, "once") == seen


def test_the_fact_that_it_brings_answers_the_doubt_that_it_left(shifts: Shifts) -> None:
    job = shifts.submit("once", agent="payer")
    sleeper = stopped(shifts, Moment.AFTER_CALL)
    shifts.worker()
    shifts.until(job, PATIENCE_SECONDS, "parked")
    assert shifts.seen(job, "once") == Seen(1, ["1"], 1, ["unknown 1"], "waiting", "parked")

    sleeper.wake_up(PATIENCE_SECONDS)
    shifts.until(job, PATIENCE_SECONDS, "completed")
    assert shifts.seen(job, "once") == Seen(1, ["1"], 1, ["committed 1"], "completed", "completed")
    (answer,) = [event["payload"] for event in told(shifts, job) if event["type"] == "effect_resolved"]
    assert (answer["resolution"], f":{sleeper.pid}/" in answer["decided_by"]) == ("happened", True)


def test_the_fact_that_it_brings_too_late_moves_nothing(shifts: Shifts) -> None:
    job = shifts.submit("idempotent", agent="payer")
    sleeper = stopped(shifts, Moment.AFTER_CALL)
    shifts.worker()
    shifts.until(job, PATIENCE_SECONDS, "completed")
    ended = told(shifts, job)

    sleeper.wake_up(PATIENCE_SECONDS)
    assert shifts.seen(job, "idempotent") == Seen(2, ["1"], 1, ["committed 2"], "completed", "completed")
    assert told(shifts, job) == ended
