"""Message: what is sent to a running job, kept until a wait takes it."""

from django.db import models
from django.db.models import Q

from jobs.models import Job
from signals_app.querysets import MessageQuerySet


class Message(models.Model):
    """One message in a job's mailbox, known by the sender's `message_id`. A wait takes it once, or never."""

    pk = models.CompositePrimaryKey("job_id", "message_id")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="messages", db_index=False)
    message_id = models.CharField(max_length=200)
    tenant = models.CharField(max_length=63)
    channel = models.CharField(max_length=200, default="", blank=True)
    correlation_key = models.CharField(max_length=200, default="", blank=True)
    payload = models.TextField()
    sender = models.CharField(max_length=255)
    received_at = models.DateTimeField()
    taken_by = models.CharField(max_length=200, default="", blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="message_taken_iff_dated",
                condition=Q(taken_by="", taken_at__isnull=True) | (~Q(taken_by="") & Q(taken_at__isnull=False)),
            ),
        )
        indexes = (models.Index(fields=("job", "received_at"), name="message_waiting", condition=Q(taken_by="")),)

    def __str__(self) -> str:
        return self.message_id
