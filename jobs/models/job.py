"""Job: one agent interaction. Its state is derived by the database, its events are in `ledger.Event`."""

from django.db import models
from django.db.models import Case, F, Func, Q, Value, When

from aetheris.core.canonical import shown
from aetheris.core.ids import new_id
from aetheris.core.priority import USUAL
from jobs.models.agent import Agent
from jobs.querysets import JobQuerySet, SubmissionQuerySet
from jobs.states import JobState, Outcome

_DERIVED_STATE = Case(
    When(~Q(ending=""), then=F("ending")),
    When(nodes_running__gt=0, then=Value(JobState.RUNNING.value)),
    When(nodes_ready__gt=0, then=Value(JobState.PENDING.value)),
    When(nodes_delayed__gt=0, then=Value(JobState.RETRYING.value)),
    When(nodes_waiting__gt=0, then=Value(JobState.WAITING.value)),
    When(nodes_parked__gt=0, then=Value(JobState.PARKED.value)),
    default=Value(JobState.PENDING.value),
    output_field=models.CharField(max_length=10),
)


class Job(models.Model):
    """One job. Lock this row (`Job.objects.lock`) before anything of the job is changed.

    `seq` and `head` are the number and hash of its last event. The `nodes_…` counters are kept by
    `jobs.engine.transitions`; each counts the nodes that stand so now: `nodes_delayed` READY with `not_before`,
    `nodes_parked` WAITING with `park`, `nodes_open` all that are not final. `error` is set before `ending` while
    a failing job still waits for running nodes. `conflicts` counts facts about effects that contradict settled ones:
    somebody is to look at them. `recheck_before`: the job has stopped then, and what was written before it is to be
    held against the world.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(max_length=63)
    # Its index is `job_by_agent`.
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="jobs", db_index=False)
    root_id = models.UUIDField()
    parent_id = models.UUIDField(null=True, blank=True)
    depth = models.SmallIntegerField(default=0)
    forked_from = models.UUIDField(null=True, blank=True)
    mode = models.CharField(max_length=16, default="live")
    code_version = models.CharField(max_length=100)
    goal = models.TextField()
    requested_by = models.CharField(max_length=255)
    request_digest = models.BinaryField(max_length=32)
    priority = models.SmallIntegerField(default=USUAL)

    seq = models.BigIntegerField(default=0)
    head = models.BinaryField(max_length=32, default=bytes)

    nodes_open = models.IntegerField(default=0)
    nodes_ready = models.IntegerField(default=0)
    nodes_delayed = models.IntegerField(default=0)
    nodes_running = models.IntegerField(default=0)
    nodes_waiting = models.IntegerField(default=0)
    nodes_parked = models.IntegerField(default=0)

    state = models.GeneratedField(
        expression=_DERIVED_STATE,
        output_field=models.CharField(max_length=10, choices=JobState.choices),
        db_persist=True,
    )
    ending = models.CharField(max_length=10, default="", blank=True)
    outcome = models.CharField(max_length=24, default="", blank=True, choices=Outcome.choices)
    result = models.TextField(null=True, blank=True)  # noqa: DJ001  null: no result, other than any text
    error = models.TextField(null=True, blank=True)  # noqa: DJ001

    conflicts = models.IntegerField(default=0)
    recheck_before = models.DateTimeField(null=True, blank=True)
    max_parallel = models.IntegerField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        permissions = (("stop_job", "Can stop jobs"),)
        constraints = (
            models.CheckConstraint(
                name="job_stands",
                condition=Func(
                    *map(F, ("ending", "outcome", "finished_at", "priority", "depth", "seq", "nodes_open")),
                    *map(F, ("nodes_ready", "nodes_delayed", "nodes_running", "nodes_waiting", "nodes_parked")),
                    *map(F, ("conflicts", "max_parallel")),
                    function="aetheris_job_stands",
                    output_field=models.BooleanField(),
                ),
            ),
        )
        indexes = (
            models.Index(fields=("tenant", "-id"), name="job_by_tenant"),
            models.Index(fields=("agent", "-id"), name="job_by_agent"),
            models.Index(fields=("tenant", "ending", "-id"), name="job_by_ending"),
            models.Index(fields=("-id",), name="job_with_conflicts", condition=Q(conflicts__gt=0)),
            models.Index(fields=("deadline_at",), name="job_due", condition=Q(ending="", error__isnull=True)),
        )

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_final(self) -> bool:
        return self.ending != ""

    @property
    def starts_nothing_more(self) -> bool:
        """Whether no node of the job may be claimed any more: it is final, failing or to be cancelled."""
        return self.is_final or self.error is not None or self.cancel_requested_at is not None

    @property
    def error_value(self) -> object:
        return None if self.error is None else shown(self.error)


class Submission(models.Model):
    """The memory of an idempotency key: which job it made, from which request. It outlives the job."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(max_length=63)
    agent_name = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    job_id = models.UUIDField()
    request_digest = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tenant", "agent_name", "key"), name="submission_key_unique"),)

    def __str__(self) -> str:
        return self.key
