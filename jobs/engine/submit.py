"""Submit: messages to an agent become jobs, each once for its idempotency key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, TypeVar
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
from jobs.engine import together
from jobs.engine.known import KnownRows
from jobs.engine.new_rows import new_row
from jobs.engine.not_known import NotKnown
from jobs.engine.together import Writing
from jobs.engine.transaction import JobTransaction, committing
from jobs.engine.transitions import count, counters_of
from jobs.models import Agent, Job, Node, Submission
from jobs.states import NodeState, NodeType
from ledger.event_types import EventType

T = TypeVar("T")


class NewJob(NamedTuple):
    """What an agent is asked to do, with what `submit` says of the key and the priority."""

    goal: str
    idempotency_key: str = ""
    priority: int | None = None


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
    new = NewJob(goal, idempotency_key, priority)
    order = _Order(registry.agents.get(agent_name), tenant, requested_by, queue)

    def accept(agent: Agent) -> Submitted:
        with failpoints.during("submit"):
            return together.alone(_accepting(order, agent, new))

    return order.with_agent(accept)


def submit_all(
    agent_name: str, jobs: Sequence[NewJob], *, tenant: str, requested_by: str, queue: str = "default"
) -> list[Submitted]:
    """The same for several jobs of an agent, in one statement: all of them, in their order, or none. What `submit`
    raises it raises for any of them, `Refused` (`IDEMPOTENCY_KEY_REUSED`) also for one key with two messages."""
    order = _Order(registry.agents.get(agent_name), tenant, requested_by, queue)
    _check_keys(jobs)

    def accept(agent: Agent) -> list[Submitted]:
        with committing("submit"):
            return together.all_new([_accepting(order, agent, new) for new in jobs])

    return order.with_agent(accept) if jobs else []


def _check_keys(jobs: Sequence[NewJob]) -> None:
    of_key: dict[str, NewJob] = {}
    for new in jobs:
        if new.idempotency_key and of_key.setdefault(new.idempotency_key, new) != new:
            raise Refused(
                f"The Idempotency-Key {new.idempotency_key} comes with two messages. Use one key for each.",
                code="IDEMPOTENCY_KEY_REUSED",
            )


@dataclass(frozen=True)
class _Order:
    """Who asks whom."""

    planner: Planner
    tenant: str
    requested_by: str
    queue: str

    def with_agent(self, accept: Callable[[Agent], T]) -> T:
        try:
            return accept(_agent(self.tenant, self.planner.name))
        except Agent.DoesNotExist:
            # It was made in a transaction that was taken back, or in the database that was restored over.
            _agent.cache_clear()
            return accept(_agent(self.tenant, self.planner.name))


@lru_cache(maxsize=1024)
def _agent(tenant: str, name: str) -> Agent:
    """The agent's row, which never changes. That it is there still, the statement that writes finds out."""
    with failpoints.during("make_agent"):
        return Agent.objects.ensure(tenant, name)


def _accepting(order: _Order, agent: Agent, new: NewJob) -> Writing[Submitted]:
    wish = {} if new.priority is None else {"priority": checked(new.priority)}
    request_digest = digest(dumps({"agent": agent.name, "message": new.goal, **wish}))
    job = _new_job(order, agent, new, request_digest)
    first_use = _first_use(new, job) if new.idempotency_key else None
    try:
        yield from _storing(KnownRows.of_new(job, first_use), order.queue)
    except NotKnown:
        if first_use is None:
            raise
        return _repeated(Submission.objects.first_use(first_use), agent, request_digest)
    return Submitted(job.pk, agent.pk, repeated=False)


def _new_job(order: _Order, agent: Agent, new: NewJob, request_digest: bytes) -> Job:
    planner = order.planner
    now = datetime.now(UTC)  # the statement that writes puts the database's clock in its place
    job_id = new_id()
    job = new_row(
        Job,
        {
            "id": job_id,
            "tenant": order.tenant,
            "agent_id": agent.pk,
            "root_id": job_id,
            "code_version": planner.version,
            "goal": new.goal,
            "requested_by": order.requested_by,
            "request_digest": request_digest,
            "priority": planner.priority if new.priority is None else new.priority,
            "max_parallel": planner.max_parallel,
            "deadline_at": None if planner.deadline is None else now + timedelta(seconds=seconds(planner.deadline)),
            "created_at": now,
            "updated_at": now,
        },
    )
    job.agent = agent
    return job


def _first_use(new: NewJob, job: Job) -> Submission:
    return Submission(
        tenant=job.tenant,
        agent_name=job.agent.name,
        key=new.idempotency_key,
        job_id=job.pk,
        request_digest=job.request_digest,
    )


def _storing(rows: KnownRows, queue: str) -> Writing[None]:
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
    yield from tx.flushing()


def _repeated(first: Submission, agent: Agent, request_digest: bytes) -> Submitted:
    if bytes(first.request_digest) != request_digest:
        raise Refused(
            f"The Idempotency-Key {first.key} came with another message before. Use a new key for a new message.",
            code="IDEMPOTENCY_KEY_REUSED",
            details={"job_id": str(first.job_id)},
        )
    return Submitted(first.job_id, agent.pk, repeated=True)
