"""Approval: a question to a person, bound to the exact arguments that it is about."""

from django.db import models
from django.db.models import Q

from aetheris.core.canonical import shown
from aetheris.core.ids import new_id
from jobs.models import Job
from signals_app.querysets import ApprovalQuerySet
from signals_app.states import ApprovalState


class Approval(models.Model):
    """One question. It is about the tool node `step` with `arguments`, or about nothing but `reason` when `step`
    is empty. Only `signals_app.approvals` changes `state`; whoever decides is not `requested_by`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(max_length=63)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="approvals")
    correlation_key = models.CharField(max_length=200)
    node = models.CharField(max_length=200)
    step = models.CharField(max_length=200, default="", blank=True)
    tool = models.CharField(max_length=200, default="", blank=True)
    tool_version = models.CharField(max_length=100, default="", blank=True)
    arguments = models.TextField(null=True, blank=True)  # noqa: DJ001  null: about no tool
    arguments_digest = models.BinaryField(max_length=32, null=True, blank=True)
    reason = models.TextField(default="", blank=True)
    state = models.CharField(max_length=10, choices=ApprovalState.choices, default=ApprovalState.PENDING)
    requested_by = models.CharField(max_length=255)
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=255, default="", blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(default="", blank=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        permissions = (("decide_approval", "Can approve and refuse"),)
        default_permissions = ("view",)
        constraints = (
            models.UniqueConstraint(fields=("job", "correlation_key"), name="approval_one_per_wait"),
            models.CheckConstraint(name="approval_state_known", condition=Q(state__in=ApprovalState.values)),
            models.CheckConstraint(
                name="approval_pending_iff_undecided",
                condition=Q(state="pending", decided_at__isnull=True)
                | (~Q(state="pending") & Q(decided_at__isnull=False)),
            ),
        )
        indexes = (
            models.Index(fields=("tenant", "-id"), name="approval_pending", condition=Q(state="pending")),
            models.Index(fields=("job", "step"), name="approval_by_step"),
        )

    def __str__(self) -> str:
        return f"{self.tool or self.node} of {self.job_id}"

    @property
    def arguments_value(self) -> object:
        return None if self.arguments is None else shown(self.arguments)
