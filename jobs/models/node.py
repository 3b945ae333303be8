"""Node and Edge: the task graph of a job, as rows. A node's id is its path inside its job."""

from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce, Greatest, Least
from django.db.models.lookups import GreaterThanOrEqual

from aetheris.core.canonical import loads, shown
from aetheris.core.priority import FIRST, LAST, USUAL
from jobs.edge_querysets import EdgeQuerySet
from jobs.models.job import Job
from jobs.querysets import NodeQuerySet
from jobs.states import NODE_ENDINGS, Ending, NodeState, NodeType

_DUE_SINCE = Coalesce(Greatest("rung_at", "not_before"), Value(datetime(2000, 1, 1, tzinfo=UTC)))
"""When a READY node last rang or will be due, whichever is later; `jobs.due_querysets` searches by it."""


class Node(models.Model):
    """One node. Only `jobs.engine.transitions` changes `state`; only the holder of `lease_token` may end a run.

    `claims` counts leases (the fencing epoch), `tries` policy retries, `crashes` lost workers. `unmet`
    counts incoming edges that are not decided yet, `taken` those that lead here.
    """

    pk = models.CompositePrimaryKey("job_id", "path")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="nodes", db_index=False)
    path = models.CharField(max_length=200)
    tenant = models.CharField(max_length=63)
    position = models.IntegerField()
    type = models.CharField(max_length=10, choices=NodeType.choices)
    config = models.TextField()
    queue = models.CharField(max_length=63, default="default")
    priority = models.SmallIntegerField(default=USUAL)
    state = models.CharField(max_length=10, choices=NodeState.choices)
    ending = models.CharField(max_length=10, default="", blank=True, choices=Ending.choices)
    park = models.BooleanField(default=False)
    input = models.TextField(null=True, blank=True)  # noqa: DJ001  null: not resolved yet
    output = models.TextField(null=True, blank=True)  # noqa: DJ001  null: none yet; "null" is an output
    error = models.TextField(null=True, blank=True)  # noqa: DJ001
    children_open = models.IntegerField(default=0)
    unmet = models.IntegerField(default=0)
    taken = models.IntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    moved_by = models.UUIDField(null=True, blank=True)
    claims = models.IntegerField(default=0)
    tries = models.IntegerField(default=0)
    crashes = models.IntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = NodeQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="node_stands",
                condition=Func(
                    *map(F, ("state", "ending", "lease_token", "lease_expires_at", "finished_at")),
                    function="aetheris_node_stands",
                    output_field=models.BooleanField(),
                ),
            ),
            models.CheckConstraint(
                name="node_counts_stand",
                condition=GreaterThanOrEqual(
                    Least("position", "children_open", "unmet", "taken", "claims", "tries", "crashes"), 0
                ),
            ),
            models.CheckConstraint(name="node_priority_known", condition=Q(priority__range=(FIRST, LAST))),
        )
        indexes = (
            models.Index(
                "queue", "priority", "tenant", _DUE_SINCE, "job", name="node_ready", condition=Q(state="ready")
            ),
            models.Index(
                fields=("priority", "not_before"),
                name="node_not_rung",
                condition=Q(state="ready") & (Q(rung_at__isnull=True) | Q(rung_at__lt=F("not_before"))),
            ),
            # With a condition that looks over all jobs do not have: they must not take it for theirs.
            models.Index(
                fields=("job", "position"), name="node_ready_of_job", condition=Q(state="ready", position__gte=0)
            ),
            models.Index(fields=("lease_expires_at",), name="node_leased", condition=Q(state="running")),
        )

    def __str__(self) -> str:
        return self.path

    @property
    def scope(self) -> str:
        """The path of the workflow node that this one stands under; "" at the top."""
        return self.path.rpartition("/")[0]

    @property
    def key(self) -> str:
        """The node's own key in its graph."""
        return self.path.rpartition("/")[2]

    @property
    def child_prefix(self) -> str:
        """What the paths of nodes under this one begin with; node zero's children stand at the top."""
        return "" if self.type == NodeType.PLAN else f"{self.path}/"

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration that the plan gave this node."""
        return dict(loads(self.config))

    @property
    def options(self) -> dict[str, Any]:
        """How the plan wants this node run; empty where it says nothing."""
        return dict(loads(self.config).get("options", {}))

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
