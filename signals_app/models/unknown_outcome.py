"""UnknownOutcome: the questions among the waits, under a key of one column, which doors need and waits do not have."""

from django.db import models

from aetheris.core.canonical import shown
from jobs.models import Job
from signals_app.querysets import UnknownOutcomeQuerySet
from signals_app.states import WaitState


class UnknownOutcome(models.Model):
    """A question what became of an effect, open or answered: another face of its `Wait`, to be read only."""

    id = models.UUIDField(primary_key=True, db_column="question_id")
    tenant = models.CharField(max_length=63)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="+", db_index=False)
    correlation_key = models.CharField(max_length=500)
    node = models.CharField(max_length=200)
    kind = models.CharField(max_length=12)
    state = models.CharField(max_length=10, choices=WaitState.choices)
    reason = models.TextField()
    opened_at = models.DateTimeField("asked at")
    proposed_by = models.CharField(max_length=255)
    answer = models.TextField(null=True)  # noqa: DJ001  null: not answered
    answered_by = models.CharField(max_length=255)
    ended_at = models.DateTimeField("answered at", null=True)

    objects = UnknownOutcomeQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "signals_app_wait"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.node} of {self.job_id}"

    @property
    def resolution(self) -> str:
        """What was answered; empty while it is open."""
        answer = shown(self.answer or "{}")
        return str(answer.get("resolution", "")) if isinstance(answer, dict) else ""
