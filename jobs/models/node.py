"""Node and Edge: the task graph of a job, as rows. A node's id is its path inside its job."""

from django.db import models
from django.db.models import Q

from aetheris.core.canonical import loads, shown
from jobs.models.job import Job
from jobs.querysets import EdgeQuerySet, NodeQuerySet
from jobs.states import NODE_ENDINGS, Ending, NodeState, NodeType

_FINAL = [str(state) for state in NODE_ENDINGS]


class Node(models.Model):
    """One node. Only `jobs.engine.transitions` changes `state`; only the holder of `lease_token` may end a run.

    `claims` counts leases (the fencing epoch), `tries` policy retries, `crashes` leases that ran out. `unmet`
    counts incoming edges that are not decided yet, `taken` those that lead here.
    """

    pk = models.CompositePrimaryKey("job_id", "path")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="nodes", db_index=False)
    path = models.CharField(max_length=200)
    tenant = models.CharField(max_length=63)
    position = models.PositiveIntegerField()
    type = models.CharField(max_length=10, choices=NodeType.choices)
    config = models.TextField()
    queue = models.CharField(max_length=63, default="default")
    state = models.CharField(max_length=10, choices=NodeState.choices)
    ending = models.CharField(max_length=10, default="", blank=True, choices=Ending.choices)
    park = models.BooleanField(default=False)
    input = models.TextField(null=True, blank=True)  # noqa: DJ001  null: not resolved yet
    output = models.TextField(null=True, blank=True)  # noqa: DJ001  null: none yet; "null" is an output
    error = models.TextField(null=True, blank=True)  # noqa: DJ001
    unmet = models.PositiveIntegerField(default=0)
    taken = models.PositiveIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    moved_by = models.UUIDField(null=True, blank=True)
    claims = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)
    crashes = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = NodeQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(name="node_state_known", condition=Q(state__in=NodeState.values)),
            models.CheckConstraint(
                name="node_final_iff_finished",
                condition=Q(state__in=_FINAL, finished_at__isnull=False)
                | (~Q(state__in=_FINAL) & Q(finished_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="node_running_iff_leased",
                condition=Q(state="running", lease_token__isnull=False, lease_expires_at__isnull=False)
                | (~Q(state="running") & Q(lease_token__isnull=True, lease_expires_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="node_completed_iff_ending",
                condition=(Q(state="completed") & ~Q(ending="")) | (~Q(state="completed") & Q(ending="")),
            ),
        )
        indexes = (
            models.Index(fields=("rung_at",), name="node_ready", condition=Q(state="ready")),
            models.Index(fields=("lease_expires_at",), name="node_leased", condition=Q(state="running")),
        )

    def __str__(self) -> str:
        return self.path

    @property
    def settings(self) -> dict[str, object]:
        """The configuration that the plan gave this node."""
        return dict(loads(self.config))

    @property
    def error_value(self) -> object:
        return None if self.error is None else shown(self.error)

    @property
    def is_final(self) -> bool:
        return self.state in NODE_ENDINGS


class Edge(models.Model):
    """One edge. `taken` is null until its source has ended."""

    pk = models.CompositePrimaryKey("job_id", "source", "target", "on")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="edges", db_index=False)
    tenant = models.CharField(max_length=63)
    source = models.CharField(max_length=200)
    target = models.CharField(max_length=200)
    on = models.CharField(max_length=10, choices=Ending.choices)
    condition = models.TextField(null=True, blank=True)  # noqa: DJ001  null: unconditional
    taken = models.BooleanField(null=True, blank=True)

    objects = EdgeQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"
