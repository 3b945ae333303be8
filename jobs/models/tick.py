"""Tick and Bell: when somebody swept last, and when lost doorbells of a queue were last rung again. Of no tenant."""

from django.db import models
from django.db.models import Q

from jobs.due_querysets import BellQuerySet, TickQuerySet


class Tick(models.Model):
    """One row. Each sweep writes `last_at` first; before `quiet_until` none takes a lease back."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    last_at = models.DateTimeField(null=True, blank=True)
    quiet_until = models.DateTimeField(null=True, blank=True)

    objects = TickQuerySet.as_manager()

    class Meta:
        constraints = (models.CheckConstraint(name="tick_is_one", condition=Q(id=1)),)

    def __str__(self) -> str:
        return str(self.last_at)


class Bell(models.Model):
    """One row per queue whose doorbells were lost: when a handful was rung again, and how long to wait then."""

    queue = models.CharField(primary_key=True, max_length=63)
    rung_at = models.DateTimeField(null=True, blank=True)
    pause_seconds = models.PositiveIntegerField(default=0)

    objects = BellQuerySet.as_manager()

    def __str__(self) -> str:
        return self.queue
