"""Schedules: changed by people, fired by the sweep, each time once, however many sweeps there are."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from aetheris.core import registry
from aetheris.core.errors import AetherisError
from jobs.engine.submit import submit
from jobs.engine.transaction import committing
from jobs.models import Job, Schedule
from jobs.states import CatchUp

logger = logging.getLogger(__name__)

GRACE = timedelta(seconds=60)
"""A time that passed longer ago than this was missed."""
MOST_MISSED = 100
"""How many missed times `all` makes up for: the last ones."""
TIMES = ("cron", "interval_seconds", "timezone", "enabled")


def change(schedule: Schedule, changed_by: str) -> None:
    """Store a new or changed schedule; its jobs are those of `changed_by` from now on.

    Its next time is reckoned anew when its times changed or it was enabled. Raises `ValidationError`.
    """
    with committing("change_schedule"):
        now = Job.objects.now()
        before = Schedule.objects.lock(schedule.pk)
        schedule.changed_by, schedule.updated_at = changed_by, now
        schedule.created_at = before.created_at if before else now
        if before is not None:
            # What a sweep has written since the form was read stays.
            schedule.next_at, schedule.last_at, schedule.last_error = before.next_at, before.last_at, before.last_error
        schedule.full_clean(exclude={"next_at"})
        if before is None or any(getattr(before, name) != getattr(schedule, name) for name in TIMES):
            schedule.next_at = schedule.timetable.after(now)
        schedule.save()


def fire_due(now: datetime, limit: int) -> int:
    """For the sweep: fire each due schedule whose agent is in this process, once; how many jobs that made."""
    names = [agent.name for agent in registry.agents]
    return sum(_fire(schedule_id) for schedule_id in Schedule.objects.due(now, names, limit))


def _fire(schedule_id: UUID) -> bool:
    """Fire a schedule if it is still due: the job and the next time are one transaction; whether it made a job.

    The key of the job is the schedule and the time, so that even a next time that was set back makes no second job.
    A message that is refused is noted on the schedule, and its time is over.
    """
    with committing("fire"):
        schedule = Schedule.objects.take(schedule_id)
        now = Job.objects.now()
        if schedule is None or not schedule.enabled or schedule.next_at is None or schedule.next_at > now:
            return False
        moment, following = _now_and_next(schedule, schedule.next_at, now)
        made = moment is not None and _submit(schedule, moment)
        schedule.next_at = following
        Schedule.objects.write(schedule, "next_at", "last_at", "last_error")
        return made


def _submit(schedule: Schedule, moment: datetime) -> bool:
    try:
        submitted = submit(
            schedule.agent_name,
            schedule.message,
            tenant=schedule.tenant,
            requested_by=schedule.changed_by,
            idempotency_key=f"schedule:{schedule.pk}:{moment.isoformat()}",
        )
    except AetherisError as error:
        logger.error("schedule %s was refused at %s: %s", schedule, moment, error)
        schedule.last_error = f"{moment.isoformat()}: {error.code}: {error.message}"
        return False
    schedule.last_at, schedule.last_error = moment, ""
    return not submitted.repeated


def _now_and_next(schedule: Schedule, due: datetime, now: datetime) -> tuple[datetime | None, datetime]:
    """The time to fire now, if any, and the next one, which may be past too: then it fires with the next sweep."""
    timetable = schedule.timetable
    missed = timetable.missed(due, now, MOST_MISSED)
    if schedule.catch_up == CatchUp.ALL:
        return missed[0], timetable.after(missed[0], anchor=missed[0])
    latest = missed[-1]
    is_late = schedule.catch_up == CatchUp.SKIP and now - latest > GRACE
    return None if is_late else latest, timetable.after(now, anchor=latest)
