"""Schedule: a message that goes to an agent at times to come."""

from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from aetheris.core.ids import new_id
from aetheris.core.timetable import NoTimetable, Timetable
from jobs.due_querysets import ScheduleQuerySet
from jobs.states import CatchUp


class Schedule(models.Model):
    """One schedule of one tenant. Its jobs are those of `changed_by`, whoever changed it last.

    Change it through `jobs.engine.schedule.change`, which also sets `next_at`, the moment at which it fires next.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(max_length=63)
    name = models.CharField(max_length=200)
    agent_name = models.CharField(max_length=200)
    message = models.TextField()
    cron = models.CharField(
        max_length=200,
        default="",
        blank=True,
        help_text="Minute, hour, day, month, weekday: <code>30 9 * * MON-FRI</code>. Leave empty for an interval.",
    )
    interval_seconds = models.PositiveIntegerField(null=True, blank=True)
    timezone = models.CharField(
        max_length=63, default="UTC", help_text="Of the cron expression, such as <code>Europe/Berlin</code>."
    )
    enabled = models.BooleanField(default=True)
    catch_up = models.CharField(
        max_length=4,
        choices=CatchUp.choices,
        default=CatchUp.ONE,
        help_text="What becomes of the times that passed while nobody could fire them.",
    )
    next_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.TextField(default="", blank=True, editable=False)
    changed_by = models.CharField(max_length=255, editable=False)
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("tenant", "name"), name="schedule_name_unique"),
            models.CheckConstraint(
                name="schedule_cron_or_interval",
                condition=(~Q(cron="") & Q(interval_seconds__isnull=True))
                | Q(cron="", interval_seconds__isnull=False, interval_seconds__gt=0),
                violation_error_message="Give a cron expression or an interval, one of the two.",
            ),
            models.CheckConstraint(name="schedule_catch_up_known", condition=Q(catch_up__in=CatchUp.values)),
            models.CheckConstraint(
                name="schedule_enabled_has_next", condition=Q(enabled=False) | Q(next_at__isnull=False)
            ),
        )
        indexes = (models.Index(fields=("next_at",), name="schedule_due", condition=Q(enabled=True)),)

    def __str__(self) -> str:
        return self.name

    @property
    def timetable(self) -> Timetable:
        """When it fires. Raises `NoTimetable`, which says what is wrong."""
        return Timetable(self.cron, self.interval_seconds, self.timezone)

    def clean(self) -> None:
        """Raises `ValidationError` for times that are none; without it, `timetable` is good."""
        if self.timezone not in available_timezones():
            raise ValidationError({"timezone": f"There is no time zone {self.timezone!r}."})
        if bool(self.cron) == bool(self.interval_seconds):
            raise ValidationError("Give a cron expression or an interval, one of the two.")
        try:
            self.timetable.check()
        except NoTimetable as error:
            raise ValidationError({"cron": str(error)}) from error
