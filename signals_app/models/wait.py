"""Wait: what a parked node waits for."""

from django.db import models
from django.db.models import Q

from aetheris.core.canonical import shown
from jobs.models import Job
from signals_app.querysets import WaitQuerySet
from signals_app.states import WAIT_ENDINGS, WORLD, OnTimeout, WaitKind, WaitState

_FINAL = [str(state) for state in WAIT_ENDINGS]


class Wait(models.Model):
    """One wait. Its correlation key belongs to it for ever and is declared with its node, before it opens.

    Only `signals_app.waits` changes `state`. `answer` is what resolved it, `answered_by` who gave it, `proposed_by` who
    said first what takes two persons. `question_id` is what doors know a question about an effect by, `looks` counts
    the looks of a condition that were in vain.
    """

    pk = models.CompositePrimaryKey("job_id", "correlation_key")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="waits", db_index=False)
    correlation_key = models.CharField(max_length=500)
    tenant = models.CharField(max_length=63)
    node = models.CharField(max_length=200)
    kind = models.CharField(max_length=12, choices=WaitKind.choices)
    state = models.CharField(max_length=10, choices=WaitState.choices)
    channel = models.CharField(max_length=200, default="", blank=True)
    park = models.BooleanField(default=True)
    reason = models.TextField(default="", blank=True)
    approves = models.CharField(max_length=200, default="", blank=True)
    timeout_seconds = models.FloatField(null=True, blank=True)
    on_timeout = models.CharField(max_length=8, choices=OnTimeout.choices, default=OnTimeout.FAIL)
    answer_schema = models.TextField(null=True, blank=True)  # noqa: DJ001  null: any object
    opened_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    answer = models.TextField(null=True, blank=True)  # noqa: DJ001  null: not answered
    answered_by = models.CharField(max_length=255, default="", blank=True)
    looks = models.PositiveIntegerField(default=0)
    proposed_by = models.CharField(max_length=255, default="", blank=True)
    question_id = models.UUIDField(null=True, blank=True)

    objects = WaitQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(name="wait_state_known", condition=Q(state__in=WaitState.values)),
            models.CheckConstraint(
                name="wait_final_iff_ended",
                condition=Q(state__in=_FINAL, ended_at__isnull=False)
                | (~Q(state__in=_FINAL) & Q(ended_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="wait_resolved_iff_answer",
                condition=Q(state="resolved", answer__isnull=False) | (~Q(state="resolved") & Q(answer__isnull=True)),
            ),
            models.CheckConstraint(
                name="wait_question_iff_resolution",
                condition=Q(kind="resolution", question_id__isnull=False)
                | (~Q(kind="resolution") & Q(question_id__isnull=True)),
            ),
            models.UniqueConstraint(
                fields=("tenant", "question_id"), name="wait_question_unique", condition=Q(kind="resolution")
            ),
        )
        indexes = (
            models.Index(fields=("expires_at",), name="wait_due", condition=Q(state="open")),
            models.Index(fields=("tenant", "-job"), name="wait_open", condition=Q(state="open")),
            models.Index(
                fields=("tenant", "state", "-question_id"), name="wait_question", condition=Q(kind="resolution")
            ),
        )

    def __str__(self) -> str:
        return self.correlation_key

    @property
    def is_about_the_world(self) -> bool:
        """Whether this asks what follows from a changed world, rather than what became of an effect."""
        return self.correlation_key.startswith(WORLD)

    @property
    def answer_value(self) -> object:
        return None if self.answer is None else shown(self.answer)
