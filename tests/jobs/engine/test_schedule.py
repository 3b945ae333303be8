"""Schedules: interval, cron in a time zone, what was missed, two sweeps at once, and what cannot be stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from aetheris.core.timetable import Timetable
from jobs.engine import schedule as schedules
from jobs.engine.sweep import sweep
from jobs.models import Job, Schedule, Submission
from tests.conftest import Clock
from tests.doors import at_once, finishing
from tests.world import REQUESTER, Doorbells, Registered, World

SECOND = timedelta(seconds=1)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def agent(registered: Registered, world: World, doorbells: Doorbells) -> None:
    finishing(registered, world)


def scheduled(**columns: Any) -> Schedule:
    """A stored schedule of the requester, each ten minutes where nothing else is said."""
    if "cron" not in columns:
        columns = {"interval_seconds": 600, **columns}
    schedule = Schedule(
        **{"tenant": "default", "name": "report", "agent_name": "test-agent", "message": "make the report", **columns}
    )
    schedules.change(schedule, REQUESTER)
    return schedule


def next_of(schedule: Schedule) -> datetime:
    found = Schedule.objects.get(pk=schedule.pk).next_at
    assert found is not None
    return found


def test_an_interval_fires_each_time_once(agent: None, clock: Clock, doorbells: Doorbells) -> None:
    schedule = scheduled()
    first = next_of(schedule)
    assert (sweep()["fired"], Job.objects.count()) == (0, 0)
    clock.advance(601)
    assert [sweep()["fired"], sweep()["fired"]] == [1, 0]
    assert next_of(schedule) == first + 600 * SECOND
    clock.advance(600)
    assert sweep()["fired"] == 1
    doorbells.drain()
    assert {(job.goal, job.requested_by, job.state) for job in Job.objects.all()} == {
        ("make the report", REQUESTER, "completed")
    }
    assert Schedule.objects.get().last_at == first + 600 * SECOND


def test_sweeps_at_once_fire_once(agent: None, clock: Clock) -> None:
    scheduled()
    clock.advance(601)
    at_once(*[sweep] * 8)
    assert Job.objects.count() == 1


def test_a_time_that_is_set_back_makes_no_second_job(agent: None, clock: Clock) -> None:
    """The key of the submission is the schedule and the time: even a restored row fires a time once."""
    schedule = scheduled()
    first = next_of(schedule)
    clock.advance(601)
    sweep()
    schedule.next_at = first
    Schedule.objects.write(schedule, "next_at")
    assert sweep()["fired"] == 0
    assert Job.objects.count() == 1
    assert next_of(schedule) > first


def test_what_is_disabled_is_silent_and_starts_anew(agent: None, clock: Clock) -> None:
    schedule = scheduled(enabled=False)
    clock.advance(6000)
    assert sweep()["fired"] == 0
    schedule.enabled = True
    schedules.change(schedule, REQUESTER)
    assert sweep()["fired"] == 0
    assert next_of(schedule) > Job.objects.now() + 590 * SECOND


def test_a_new_message_keeps_the_time(agent: None, clock: Clock) -> None:
    schedule = scheduled()
    before = next_of(schedule)
    clock.advance(60)
    schedule.message = "make it shorter"
    schedules.change(schedule, "user:7/boss")
    assert next_of(schedule) == before
    clock.advance(600)
    sweep()
    job = Job.objects.get()
    assert (job.goal, job.requested_by) == ("make it shorter", "user:7/boss"), "whoever changed it last"


@pytest.mark.parametrize(("catch_up", "jobs"), [("skip", 0), ("one", 1), ("all", 6)])
def test_what_was_missed(agent: None, clock: Clock, catch_up: str, jobs: int) -> None:
    """An hour and five minutes away: six times passed."""
    schedule = scheduled(catch_up=catch_up)
    first = next_of(schedule)
    clock.advance(3600 + 300)
    for _ in range(10):
        sweep()
    assert Job.objects.count() == jobs
    assert next_of(schedule) == first + 3600 * SECOND
    keys = sorted(Submission.objects.values_list("key", flat=True))
    expected = {"skip": [], "one": [5], "all": range(6)}[catch_up]
    assert keys == [f"schedule:{schedule.pk}:{(first + 600 * SECOND * each).isoformat()}" for each in expected]


def test_a_time_that_is_only_a_little_late_is_not_missed(agent: None, clock: Clock) -> None:
    scheduled(catch_up="skip")
    clock.advance(600 + 30)
    assert sweep()["fired"] == 1


def test_a_month_away_makes_at_most_a_hundred_jobs(agent: None, clock: Clock) -> None:
    schedule = scheduled(interval_seconds=3600, catch_up="all")
    clock.advance(30 * 86400)
    for _ in range(105):
        sweep()
    assert Job.objects.count() == 100
    assert next_of(schedule) > Job.objects.now()


def test_a_message_that_is_refused_is_noted_and_its_time_is_over(agent: None, clock: Clock) -> None:
    schedule = scheduled()
    first = next_of(schedule)
    Submission.objects.create(
        tenant="default",
        agent_name="test-agent",
        key=f"schedule:{schedule.pk}:{first.isoformat()}",
        job_id=schedule.pk,
        request_digest=bytes(32),
    )
    clock.advance(601)
    assert sweep()["fired"] == 0
    assert "IDEMPOTENCY_KEY_REUSED" in Schedule.objects.get().last_error
    assert next_of(schedule) > first


def test_a_schedule_whose_agent_is_elsewhere_waits(registered: Registered, clock: Clock, doorbells: Doorbells) -> None:
    schedule = scheduled()
    first = next_of(schedule)
    clock.advance(601)
    assert sweep()["fired"] == 0
    assert next_of(schedule) == first, "a worker that has its agent fires it"


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("30 9 * * *", "2026-07-01T00:00:00", "2026-07-01T07:30:00"),
        ("30 9 * * *", "2026-01-01T00:00:00", "2026-01-01T08:30:00"),
        ("30 2 * * *", "2026-03-28T12:00:00", "2026-03-29T01:00:00"),  # 02:30 does not exist: as the clock jumps
        ("30 2 * * *", "2026-03-29T01:00:00", "2026-03-30T00:30:00"),
        ("30 2 * * *", "2026-10-24T12:00:00", "2026-10-25T00:30:00"),  # 02:30 comes twice: the first time
        ("30 2 * * *", "2026-10-25T00:30:00", "2026-10-26T01:30:00"),
        ("0 9 * * MON-FRI", "2026-05-01T12:00:00", "2026-05-04T07:00:00"),
        ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-28T23:00:00"),
    ],
)
def test_cron_reads_the_clock_on_the_wall(cron: str, after: str, expected: str) -> None:
    assert Timetable(cron, None, "Europe/Berlin").after(moment(after)) == moment(expected)


def test_missed_times_over_the_change_of_the_clock() -> None:
    table = Timetable("30 2 * * *", None, "Europe/Berlin")
    missed = table.missed(moment("2026-03-28T01:30:00"), moment("2026-03-30T00:30:00"), 100)
    assert missed == [moment("2026-03-28T01:30:00"), moment("2026-03-29T01:00:00"), moment("2026-03-30T00:30:00")]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"cron": "61 * * * *"}, "no cron expression: Bad minute"),
        ({"cron": "every day"}, "no cron expression"),
        ({"cron": "0 0 31 2 *"}, "Bad day-of-month"),
        ({"cron": "* * */20 * 1L"}, "no time in the next 50 years"),
        ({"cron": "0 9 * * *", "timezone": "Middle/Earth"}, "no time zone"),
        ({"cron": "0 9 * * *", "interval_seconds": 60}, "one of the two"),
        ({"cron": "", "interval_seconds": None}, "one of the two"),
        ({"cron": "", "interval_seconds": 0}, "one of the two"),
        ({"catch_up": "never"}, "not a valid choice"),
        ({"message": ""}, "cannot be blank"),
    ],
)
def test_what_makes_no_schedule_is_refused(database: None, columns: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        scheduled(**columns)
    assert said in str(refusal.value)
    assert not Schedule.objects.exists()


def test_the_database_refuses_both_and_neither(database: None) -> None:
    schedule = scheduled()
    for cron, seconds in (("* * * * *", 600), ("", None), ("", 0)):
        schedule.cron, schedule.interval_seconds = cron, seconds
        with pytest.raises(IntegrityError):
            Schedule.objects.write(schedule, "cron", "interval_seconds")


def test_a_name_is_used_once_in_a_tenant(database: None) -> None:
    scheduled()
    with pytest.raises(ValidationError):
        scheduled()
    scheduled(tenant="other")
