"""Signal: the durable inbox of a job."""

from django.db import models

from jobs.models import Job
from signals_app.querysets import SignalQuerySet


class Signal(models.Model):
    """One message to a job, stored before it is matched. `applied_at` says when it answered its wait.

    A correlation key belongs to one wait, and the first answer stands: there is one signal for each.
    """

    pk = models.CompositePrimaryKey("job_id", "id")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="signals", db_index=False)
    id = models.UUIDField()
    correlation_key = models.CharField(max_length=200)
    tenant = models.CharField(max_length=63)
    payload = models.TextField()
    sender = models.CharField(max_length=255)
    received_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True, blank=True)

    objects = SignalQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("job", "correlation_key"), name="signal_first_stands"),)

    def __str__(self) -> str:
        return self.correlation_key
