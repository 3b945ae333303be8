"""Submit: a message to an agent becomes a job, once for each idempotency key."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from aetheris.core import registry
from aetheris.core.canonical import digest, dumps
from aetheris.core.clocks import uptime
from aetheris.core.durations import seconds
from aetheris.core.errors import Refused
from aetheris.core.graph import PLAN
from aetheris.core.ids import new_id
from aetheris.core.priority import checked
from jobs.engine.transaction import JobTransaction, committing
from jobs.engine.transitions import count, counters_of
from jobs.models import Agent, Job, Node, Submission
from jobs.states import NodeState, NodeType
from ledger.event_types import EventType


@dataclass(frozen=True)
class Submitted:
    """The job that a message made, or had made before (`repeated`)."""

    job_id: UUID
    agent_id: UUID
    repeated: bool


def submit(
    agent_name: str,
    goal: str,
    *,
    tenant: str,
    requested_by: str,
    idempotency_key: str = "",
    queue: str = "default",
    priority: int | None = None,
) -> Submitted:
    """Create a job with node zero READY, in one transaction, and ring for it after commit.

    Its `priority` is from 1 (first) to 5 (last), by default the agent's. The same key with the same message and
    priority gives the same job. Raises `UnknownName` (`AGENT_NOT_FOUND`), `Refused` (`IDEMPOTENCY_KEY_REUSED`) when
    the key came with another message, `Refused` (`PRIORITY_INVALID`), `NotCanonical` for text that is none.
    """
    planner = registry.agents.get(agent_name)
    wish = {} if priority is None else {"priority": checked(priority)}
    request_digest = digest(dumps({"agent": agent_name, "message": goal, **wish}))
    with committing("submit"):
        agent = Agent.objects.ensure(tenant, agent_name)
        job_id = new_id()
        if idempotency_key:
            first = Submission.objects.remember(
                Submission(
                    tenant=tenant,
                    agent_name=agent_name,
                    key=idempotency_key,
                    job_id=job_id,
                    request_digest=request_digest,
                )
            )
            if first is not None:
                return _repeated(first, agent, request_digest)
        now = Job.objects.now()
        job = Job(
            id=job_id,
            tenant=tenant,
            agent=agent,
            root_id=job_id,
            code_version=planner.version,
            max_parallel=planner.max_parallel,
            goal=goal,
            requested_by=requested_by,
            request_digest=request_digest,
            priority=planner.priority if priority is None else priority,
            deadline_at=None if planner.deadline is None else now + timedelta(seconds=seconds(planner.deadline)),
            created_at=now,
            updated_at=now,
        )
        job.save(force_insert=True)
        _begin(JobTransaction(job, now, requested_by, uptime()), queue)
    return Submitted(job_id, agent.pk, repeated=False)


def _begin(tx: JobTransaction, queue: str) -> None:
    node = Node(
        job=tx.job,
        path=PLAN,
        tenant=tx.job.tenant,
        position=0,
        type=NodeType.PLAN,
        config="{}",
        queue=queue,
        priority=tx.job.priority,
        state=NodeState.READY,
        taken=1,
        rung_at=tx.now,
        moved_by=tx.token,
    )
    node.save(force_insert=True)
    count(tx, [], counters_of(node))
    tx.moved(node)
    tx.event(
        EventType.JOB_CREATED,
        {
            "agent_id": str(tx.job.agent_id),
            "agent": tx.job.agent.name,
            "goal": tx.job.goal,
            "requested_by": tx.job.requested_by,
            "code_version": tx.job.code_version,
            "priority": tx.job.priority,
        },
    )
    tx.flush()


def _repeated(first: Submission, agent: Agent, request_digest: bytes) -> Submitted:
    if bytes(first.request_digest) != request_digest:
        raise Refused(
            "This Idempotency-Key came with another message before. Use a new key for a new message.",
            code="IDEMPOTENCY_KEY_REUSED",
            details={"job_id": str(first.job_id)},
        )
    return Submitted(first.job_id, agent.pk, repeated=True)
