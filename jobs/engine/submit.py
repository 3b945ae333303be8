"""Submit: a message to an agent becomes a job, once for each idempotency key."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from aetheris import failpoints
from aetheris.core import registry
from aetheris.core.canonical import digest, dumps
from aetheris.core.clocks import uptime
from aetheris.core.durations import seconds
from aetheris.core.errors import Refused
from aetheris.core.graph import PLAN
from aetheris.core.handlers import Planner
from aetheris.core.ids import new_id
from aetheris.core.priority import checked
from jobs.engine.known import KnownRows
from jobs.engine.new_rows import new_row
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
    message = _Message(
        goal=goal,
        tenant=tenant,
        requested_by=requested_by,
        idempotency_key=idempotency_key,
        queue=queue,
        priority=planner.priority if priority is None else priority,
        digest=digest(dumps({"agent": agent_name, "message": goal, **wish})),
    )
    try:
        return _accept(message, planner, _agent(tenant, agent_name))
    except Agent.DoesNotExist:
        # It was made in a transaction that was taken back, or in the database that was restored over.
        _agent.cache_clear()
        return _accept(message, planner, _agent(tenant, agent_name))


@dataclass(frozen=True)
class _Message:
    goal: str
    tenant: str
    requested_by: str
    idempotency_key: str
    queue: str
    priority: int
    digest: bytes


@lru_cache(maxsize=1024)
def _agent(tenant: str, name: str) -> Agent:
    """The agent's row, which never changes. That it is there still, the statement that writes finds out."""
    with failpoints.during("make_agent"):
        return Agent.objects.ensure(tenant, name)


def _accept(message: _Message, planner: Planner, agent: Agent) -> Submitted:
    now = datetime.now(UTC)  # the statement that writes puts the database's clock in its place
    job_id = new_id()
    job = new_row(
        Job,
        {
            "id": job_id,
            "tenant": message.tenant,
            "agent_id": agent.pk,
            "root_id": job_id,
            "code_version": planner.version,
            "goal": message.goal,
            "requested_by": message.requested_by,
            "request_digest": message.digest,
            "priority": message.priority,
            "max_parallel": planner.max_parallel,
            "deadline_at": None if planner.deadline is None else now + timedelta(seconds=seconds(planner.deadline)),
            "created_at": now,
            "updated_at": now,
        },
    )
    job.agent = agent
    first_use = _first_use(message, job) if message.idempotency_key else None
    with failpoints.during("submit"):
        try:
            _store(KnownRows.of_new(job, first_use), message.queue)
        except NotKnown:
            if first_use is None:
                raise
            return _repeated(Submission.objects.first_use(first_use), agent, message.digest)
        return Submitted(job.pk, agent.pk, repeated=False)


def _first_use(message: _Message, job: Job) -> Submission:
    return Submission(
        tenant=message.tenant,
        agent_name=job.agent.name,
        key=message.idempotency_key,
        job_id=job.pk,
        request_digest=message.digest,
    )


def _store(rows: KnownRows, queue: str) -> None:
    job = rows.job
    tx = JobTransaction(job, job.created_at, job.requested_by, uptime(), rows)
    node = new_row(
        Node,
        {
            "job_id": job.pk,
            "path": PLAN,
            "tenant": job.tenant,
            "position": 0,
            "type": NodeType.PLAN,
            "config": "{}",
            "queue": queue,
            "priority": job.priority,
            "state": NodeState.READY,
            "taken": 1,
            "rung_at": tx.now,
            "moved_by": tx.token,
        },
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
