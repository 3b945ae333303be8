"""Submit: a message to an agent becomes a job, once for each idempotency key."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from aetheris import failpoints
from aetheris.core import registry
from aetheris.core.canonical import digest, dumps
from aetheris.core.clocks import uptime
from aetheris.core.durations import seconds
from aetheris.core.errors import Refused
from aetheris.core.graph import PLAN
from aetheris.core.priority import checked
from jobs.engine.known import KnownRows
from jobs.engine.not_known import NotKnown
from jobs.engine.transaction import JobTransaction
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
    with failpoints.during("make_agent"):
        agent, now = Agent.objects.ensure(tenant, agent_name)
    with failpoints.during("submit"):
        job = Job(
            tenant=tenant,
            agent=agent,
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
        job.root_id = job.pk
        memory = Submission(tenant=tenant, agent_name=agent_name, key=idempotency_key, job_id=job.pk)
        memory.request_digest = request_digest
        try:
            _store(KnownRows.of_new(job, memory if idempotency_key else None), queue)
        except NotKnown:
            return _repeated(Submission.objects.first_use(memory), agent, request_digest)
        return Submitted(job.pk, agent.pk, repeated=False)


def _store(rows: KnownRows, queue: str) -> None:
    job = rows.job
    tx = JobTransaction(job, job.created_at, job.requested_by, uptime(), rows)
    node = Node(
        job=job,
        path=PLAN,
        tenant=job.tenant,
        position=0,
        type=NodeType.PLAN,
        config="{}",
        queue=queue,
        priority=job.priority,
        state=NodeState.READY,
        taken=1,
        rung_at=tx.now,
        moved_by=tx.token,
    )
    rows.add([node], [], [])
    count(tx, set(), counters_of(node))
    tx.moved(node)
    tx.event(
        EventType.JOB_CREATED,
        {
            "agent_id": str(job.agent_id),
            "agent": job.agent.name,
            "goal": job.goal,
            "requested_by": job.requested_by,
            "code_version": job.code_version,
            "priority": job.priority,
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
