"""A job of one tool node, `act`, and workers that take it: what tests of effects begin with."""

from typing import Any

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.outcomes import Done, Expand
from jobs.engine.claim import claim
from jobs.engine.commit import commit
from jobs.engine.kinds.base import Claimed
from jobs.engine.resolve import resolve
from jobs.engine.sweep import sweep
from jobs.engine.transaction import job_transaction
from jobs.models import Job
from signals_app.models import Wait
from signals_app.states import WaitState
from tests.conftest import Clock
from tests.world import APPROVER, Registered, World, again, submitted

LEASE = 15.0


def one_tool(registered: Registered, world: World, effect: Effect, **options: Any) -> Job:
    """A job whose plan is the one tool node `act`, planned and READY."""
    act = world.tool("act", effect, **options)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("act", act, value=1)
        return graph

    registered.agent(plan, act)
    job = submitted()
    with job_transaction(job.pk) as tx:
        claimed = claim(tx, "plan")
    assert claimed is not None
    with job_transaction(job.pk) as tx:
        commit(tx, claimed, Expand(plan()))
    return again(job)


def taken(job: Job) -> Claimed:
    """A worker claims the node, and then nothing is heard of it."""
    with job_transaction(job.pk) as tx:
        claimed = claim(tx, "act")
    assert claimed is not None
    return claimed


def lost(job: Job, clock: Clock) -> Claimed:
    """A worker claims the node and is lost; its lease has been taken back."""
    claimed = taken(job)
    clock.advance(LEASE + 1)
    sweep()
    return claimed


def contradicted(registered: Registered, world: World, clock: Clock) -> Job:
    """A job of whose effect a person said one thing, and its worker came back with another."""
    registered.forget()
    job = one_tool(registered, world, Effect.ONCE)
    first = lost(job, clock)
    with job_transaction(job.pk) as tx:
        assert claim(tx, "act") is None, "the effect is shown"
    resolve(job.pk, question(job), {"resolution": "happened", "result": "one"}, APPROVER)
    with job_transaction(job.pk) as tx:
        commit(tx, first, Done('"another"'))
    return again(job)


def question(job: Job) -> str:
    """The correlation key of the job's open question."""
    return Wait.objects.get(job=job, kind="resolution", state=WaitState.OPEN).correlation_key
