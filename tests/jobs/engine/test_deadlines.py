"""Deadlines of jobs and nodes, what a running tool hears of them, and how many workers a node may lose."""

import time
from datetime import timedelta
from typing import Any

import pytest

from aetheris.agents.base import Agent
from aetheris.conf import configuration
from aetheris.core import registry
from aetheris.core.context import ToolContext
from aetheris.core.errors import GraphError, ToolError
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from jobs.engine import heartbeat
from jobs.engine.cancel import cancel
from jobs.engine.claim import claim
from jobs.engine.reclaim import reclaim_if_expired
from jobs.engine.run import run_node
from jobs.engine.sweep import sweep
from jobs.engine.transaction import job_transaction
from jobs.models import Job, Node
from ledger.models import Entry
from signals_app.models import Wait
from tests.conftest import Clock
from tests.world import Doorbells, Registered, World, again, event_types, states, submitted

pytestmark = pytest.mark.usefixtures("whole")
HOUR = 3600.0


@pytest.fixture
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process hears of a stop at once."""
    monkeypatch.setattr(heartbeat, "LISTEN_SECONDS", 0.02)


def hears(ctx: ToolContext) -> str:
    """Why a running tool should stop, as soon as it hears of it."""
    until = time.monotonic() + 10
    while not ctx.stopping and time.monotonic() < until:
        time.sleep(0.01)
    return ctx.stopping


def due(registered: Registered, world: World, effect: Effect = Effect.READ, deadline: Any = "1h", **wait: Any) -> Job:
    """A job with a deadline that acts and then waits."""
    act = world.tool("act", effect)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("act", act, value=1)
        graph.wait("ask", **{"correlation_key": "ask-1", "timeout": None, **wait})
        graph.edge("act", "ask")
        return graph

    registered.agent(plan, act).deadline = deadline
    return submitted()


def code_of(job: Job) -> Any:
    error = again(job).error_value
    return error["code"] if isinstance(error, dict) else None


@pytest.mark.parametrize(("deadline", "seconds"), [("1h", HOUR), (90, 90.0), ("0.5s", 0.5)])
def test_a_jobs_deadline_counts_from_its_submission(
    registered: Registered, world: World, doorbells: Doorbells, deadline: Any, seconds: float
) -> None:
    job = due(registered, world, deadline=deadline)
    assert job.deadline_at == job.created_at + timedelta(seconds=seconds)


def test_a_job_without_a_deadline_may_take_for_ever(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = due(registered, world, deadline=None)
    assert job.deadline_at is None
    doorbells.drain()
    clock.advance(9000 * HOUR)
    assert sweep()["overdue"] == 0
    assert again(job).state == "parked"


@pytest.mark.parametrize("deadline", ["soon", 0, -1, "11000d"])
def test_a_deadline_that_is_no_duration_stops_the_start(deadline: Any) -> None:
    with registry.agents.emptied(), pytest.raises(GraphError) as refused:
        type("Broken", (Agent,), {"name": "broken", "deadline": deadline})
    assert refused.value.code == "DURATION_INVALID"


def test_a_parked_job_fails_at_its_deadline(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = due(registered, world)
    doorbells.drain()
    clock.advance(HOUR - 30)
    assert sweep()["overdue"] == 0
    clock.advance(31)
    assert sweep()["overdue"] == 1
    assert (again(job).state, code_of(job)) == ("failed", "DEADLINE_EXCEEDED")
    assert states(job) == {"act": "completed", "ask": "cancelled"}
    assert Wait.objects.get(job=job).state == "cancelled"
    assert sweep()["overdue"] == 0
    assert event_types(job)[-1] == "job_failed"
    assert "job_failing" not in event_types(job)


def test_a_job_that_nobody_began_fails_at_its_deadline(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = due(registered, world)
    clock.advance(HOUR + 1)
    assert sweep()["overdue"] == 1
    doorbells.drain()
    assert (again(job).state, code_of(job), world.calls) == ("failed", "DEADLINE_EXCEEDED", [])


@pytest.mark.parametrize(
    ("effect", "state", "entry"), [(Effect.READ, "failed", "failed"), (Effect.IDEMPOTENT, "parked", "unknown")]
)
def test_a_retry_is_not_waited_for_after_the_deadline(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, effect: Effect, state: str, entry: str
) -> None:
    """Doubt about a write is shown, and keeps the failing job open."""
    job = due(registered, world, effect, deadline="1s")
    world.answers["act"] = ConnectionResetError("half an answer")
    doorbells.drain()
    assert again(job).state == "retrying"
    clock.advance(1.5)
    assert sweep()["overdue"] == 1
    doorbells.drain()
    assert (again(job).state, code_of(job), world.called("act")) == (state, "DEADLINE_EXCEEDED", 1)
    assert Entry.objects.get(job=job).state == entry
    assert sweep()["overdue"] == 0


def test_a_running_tool_hears_that_its_job_has_failed_and_its_result_is_recorded(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, attentive: None
) -> None:
    job = due(registered, world, Effect.IDEMPOTENT, deadline="10s")

    def act(ctx: ToolContext) -> str:
        clock.advance(11)
        sweep()
        assert (again(job).state, event_types(job)[-1]) == ("running", "job_failing")
        return hears(ctx)

    world.answers["act"] = act
    doorbells.drain()
    assert (again(job).state, code_of(job)) == ("failed", "DEADLINE_EXCEEDED")
    assert (Entry.objects.get(job=job).state, Entry.objects.get(job=job).result) == ("committed", '"failed"')
    assert states(job) == {"act": "completed", "ask": "cancelled"}


def test_a_job_that_is_being_cancelled_or_has_ended_is_not_overdue(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    ended, cancelled = due(registered, world), submitted()
    world.answers["act"] = ToolError("no")
    doorbells.drain()
    cancel(cancelled.pk, actor="user:3/operator") if not again(cancelled).is_final else None
    told = event_types(ended)
    clock.advance(HOUR + 1)
    assert sweep()["overdue"] == 0
    assert event_types(ended) == told


def test_a_cancel_that_waits_for_a_tool_is_not_turned_into_a_failure(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = due(registered, world)

    def act(ctx: ToolContext) -> str:
        cancel(job.pk, actor="user:3/operator")
        clock.advance(HOUR + 1)
        assert sweep()["overdue"] == 0
        return "done"

    world.answers["act"] = act
    doorbells.drain()
    assert again(job).state in ("cancelled", "running")
    assert code_of(job) is None


def test_a_tool_can_tell_why_it_should_stop(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, attentive: None
) -> None:
    """Its own deadline, the end of its job by somebody, and the end of its job by a failure are different things."""
    act, spoil = world.tool("act", timeout=5.0), world.tool("spoil")
    heard: list[str] = []

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("act", act)
        graph.tool("spoil", spoil)
        return graph

    registered.agent(plan, act, spoil)
    world.answers["spoil"] = ToolError("no")

    def at_deadline(ctx: ToolContext) -> None:
        clock.advance(6)
        heard.append(hears(ctx))

    def at_cancel(ctx: ToolContext) -> None:
        cancel(ctx.job_id, actor="user:3/operator")
        heard.append(hears(ctx))

    def at_failure(ctx: ToolContext) -> None:
        run_node(ctx.job_id, "spoil")
        heard.append(hears(ctx))

    for meanwhile in (at_deadline, at_cancel, at_failure):
        world.answers["act"] = meanwhile
        job = submitted()
        run_node(job.pk, "plan")
        doorbells.rung.clear()
    assert heard == ["deadline", "cancelled", "failed"]


def lose(job: Job, path: str, clock: Clock) -> bool:
    """A worker takes the node and is not heard of again; whether it was there to take."""
    with job_transaction(job.pk) as tx:
        if claim(tx, path) is None:
            return False
    clock.advance(configuration().lease_seconds + 1)
    return reclaim_if_expired(job.pk, path)


def poisoned(registered: Registered, world: World, effect: Effect, clock: Clock) -> Job:
    """A job whose node `act` is ready."""
    act, rescue = world.tool("act", effect), world.tool("rescue")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("first", rescue)
        graph.tool("act", act, value=1)
        graph.edge("first", "act")
        return graph

    registered.agent(plan, act, rescue)
    job = submitted()

    def one_step(ctx: ToolContext) -> None:
        clock.advance(0)

    world.answers["rescue"] = one_step
    with pytest.MonkeyPatch.context() as step_by_step:
        step_by_step.setattr("jobs.engine.run.SLICE_SECONDS", 0.0)
        run_node(job.pk, "plan")
        run_node(job.pk, "first")
    assert states(job) == {"first": "completed", "act": "ready"}
    return job


def test_a_read_that_loses_every_worker_is_given_to_no_other(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = poisoned(registered, world, Effect.READ, clock)
    lost = 0
    while lose(job, "act", clock):
        lost += 1
    assert lost == configuration().crash_limit == 3
    assert (again(job).state, code_of(job)) == ("failed", "CRASHED_TOO_OFTEN")
    assert (Entry.objects.get(job=job, step_id="act").state, world.called("act")) == ("failed", 0)
    assert Node.objects.get(job=job, path="act").crashes == 3


def test_a_plan_that_loses_every_worker_fails_its_job(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = due(registered, world, deadline=None)
    while lose(job, "plan", clock):
        assert again(job).state in ("pending", "failed")
    assert (again(job).state, code_of(job)) == ("failed", "CRASHED_TOO_OFTEN")


@pytest.mark.parametrize(("effect", "lost"), [(Effect.IDEMPOTENT, 3), (Effect.ONCE, 1)])
def test_a_write_that_loses_its_workers_is_shown_and_not_called_a_failure(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, effect: Effect, lost: int
) -> None:
    job = poisoned(registered, world, effect, clock)
    losses = 0
    while lose(job, "act", clock):
        losses += 1
    assert losses == lost
    assert (again(job).state, again(job).error) == ("parked", None)
    assert Entry.objects.get(job=job, step_id="act").state == "unknown"
    question = Wait.objects.get(job=job)
    assert (question.kind, question.state) == ("resolution", "open")


def test_a_node_that_lost_workers_but_came_through_is_fine(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = poisoned(registered, world, Effect.IDEMPOTENT, clock)
    assert lose(job, "act", clock)
    assert lose(job, "act", clock)
    run_node(job.pk, "act")
    assert (again(job).state, Entry.objects.get(job=job, step_id="act").sends) == ("completed", 3)
    assert {key for name, _, key in world.calls if name == "act"} == {f"aetheris:{job.pk}:act:1"}
