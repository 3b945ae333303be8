"""Entry: one row per effect; the at-most-once book."""

from django.db import models
from django.db.models import Q

from aetheris.core.handlers import Effect
from jobs.models import Job
from ledger.querysets import EntryQuerySet
from ledger.states import ENTRY_SETTLED, EntryKind, EntryState

_SETTLED = [str(state) for state in ENTRY_SETTLED]


class Entry(models.Model):
    """One attempt at one effect. Only `ledger.entries` changes `state`.

    `step_id` names the effect for ever: the node's path and the effect's position in it. `idempotency_key` is
    fixed when the entry is opened. `send_by` is the last moment at which this send may begin, `settled_by` when
    nothing that was sent can take effect any more, `key_until` how long its provider surely knows the key.
    `lease_token` is the claim that sent it last.
    """

    pk = models.CompositePrimaryKey("job_id", "step_id", "attempt")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="entries", db_index=False)
    step_id = models.CharField(max_length=400)
    attempt = models.PositiveIntegerField(default=1)
    tenant = models.CharField(max_length=63)
    node = models.CharField(max_length=200)
    position = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=8, choices=EntryKind.choices)
    effect = models.CharField(max_length=16, choices=[(e.value, e.value) for e in Effect])
    tool = models.CharField(max_length=200)
    tool_version = models.CharField(max_length=100)
    arguments_digest = models.BinaryField(max_length=32)
    idempotency_key = models.CharField(max_length=255)
    state = models.CharField(max_length=10, choices=EntryState.choices)
    lease_token = models.UUIDField()
    sends = models.PositiveIntegerField(default=1)
    first_sent_at = models.DateTimeField()
    send_by = models.DateTimeField()
    settled_by = models.DateTimeField()
    key_until = models.DateTimeField(null=True, blank=True)
    result = models.TextField(null=True, blank=True)  # noqa: DJ001  null: none; "null" is a result
    error = models.TextField(null=True, blank=True)  # noqa: DJ001
    opened_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = EntryQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("job", "step_id"), name="entry_one_live", condition=~Q(state=EntryState.FAILED.value)
            ),
            models.CheckConstraint(name="entry_state_known", condition=Q(state__in=EntryState.values)),
            models.CheckConstraint(
                name="entry_settled_iff_settled_at",
                condition=Q(state__in=_SETTLED, settled_at__isnull=False)
                | (~Q(state__in=_SETTLED) & Q(settled_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="entry_committed_iff_result",
                condition=Q(state="committed", result__isnull=False) | (~Q(state="committed") & Q(result__isnull=True)),
            ),
        )

    def __str__(self) -> str:
        return self.idempotency_key

    @property
    def effect_class(self) -> Effect:
        return Effect(self.effect)
