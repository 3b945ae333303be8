"""Cancel: in every state a job starts nothing more. What runs is told, and what it did is recorded all the same."""

import time
from functools import partial
from typing import Any

import pytest

from aetheris.core.context import ToolContext
from aetheris.core.errors import NotApplied, NotCanonical, Refused, ToolError
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.ids import new_id
from aetheris.core.outcomes import Done
from aetheris.testing.invariants import violations
from jobs.engine import heartbeat, run
from jobs.engine.cancel import cancel
from jobs.engine.claim import claim
from jobs.engine.commit import commit
from jobs.engine.perform import perform
from jobs.engine.signal import signal
from jobs.engine.sweep import sweep
from jobs.engine.transaction import job_transaction
from jobs.models import Job, Node
from ledger.models import Entry, Event
from signals_app.models import Approval, Wait
from tests.conftest import Clock
from tests.doors import at_once
from tests.world import (
    APPROVER,
    Doorbells,
    Registered,
    World,
    again,
    assert_whole,
    event_types,
    states,
    submitted,
)

pytestmark = pytest.mark.usefixtures("whole")
OPERATOR = "user:3/operator"


def stop(job: Job) -> Job:
    return cancel(job.pk, actor=OPERATOR, reason="not needed any more")


def act_and_go_on(registered: Registered, world: World, effect: Effect = Effect.READ, **edge: Any) -> Job:
    """A job that acts, and then goes on; `edge` says when."""
    act, after = world.tool("act", effect), world.tool("after")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("act", act, value=1)
        graph.tool("after", after)
        graph.edge("act", "after", **edge)
        return graph

    registered.agent(plan, act, after)
    return submitted()


def stopping(ctx: ToolContext) -> str:
    """Why a running tool should stop, as soon as it hears of it."""
    until = time.monotonic() + 10
    while not ctx.stopping and time.monotonic() < until:
        time.sleep(0.01)
    return ctx.stopping


@pytest.fixture
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process hears of a stop at once."""
    monkeypatch.setattr(heartbeat, "LISTEN_SECONDS", 0.02)


@pytest.fixture
def step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """An activation runs one node and leaves the next to a doorbell."""
    monkeypatch.setattr(run, "SLICE_SECONDS", 0.0)


def test_a_job_that_has_not_begun_ends_at_once(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = act_and_go_on(registered, world)
    stopped = stop(job)
    assert (stopped.state, stopped.outcome, stopped.error, stopped.result) == ("cancelled", "cancelled", None, None)
    doorbells.drain()
    assert event_types(job) == ["job_created", "job_cancel_requested", "job_cancelled"]
    asked = Event.objects.stream(job.pk).get(type="job_cancel_requested")
    assert (asked.actor, asked.payload) == (OPERATOR, '{"reason":"not needed any more"}')
    assert world.calls == []


def test_a_job_between_two_steps_takes_no_further_one(
    registered: Registered, world: World, doorbells: Doorbells, step_by_step: None
) -> None:
    job = act_and_go_on(registered, world)
    while states(job).get("act") != "completed":
        job_id, path, _ = doorbells.rung.pop(0)
        run.run_node(job_id, path)
    assert states(job) == {"act": "completed", "after": "ready"}
    assert stop(job).state == "cancelled"
    doorbells.drain()
    assert states(job) == {"act": "completed", "after": "cancelled"}
    assert world.called("after") == 0


def test_a_job_that_is_being_planned_keeps_the_plan_and_runs_none_of_it(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    act = world.tool("act")

    def plan() -> TaskGraph:
        assert stop(job).state == "running"
        graph = TaskGraph()
        graph.tool("act", act)
        graph.wait("ask", correlation_key="ask-1")
        graph.edge("act", "ask")
        return graph

    registered.agent(plan, act)
    job = submitted()
    doorbells.drain()
    assert again(job).state == "cancelled"
    assert states(job) == {"act": "cancelled", "ask": "cancelled"}
    assert Wait.objects.get(job=job).state == "cancelled"
    assert world.calls == []


@pytest.mark.parametrize("effect", [Effect.READ, Effect.IDEMPOTENT, Effect.ONCE])
def test_what_a_running_tool_did_is_recorded_and_leads_nowhere(
    registered: Registered, world: World, doorbells: Doorbells, effect: Effect
) -> None:
    """It does not ask whether it should stop, and its job ends with it."""
    job = act_and_go_on(registered, world, effect)

    def ignore(ctx: ToolContext) -> str:
        assert stop(job).state == "running"
        assert_whole(job)
        return "done"

    world.answers["act"] = ignore
    doorbells.drain()
    assert (again(job).state, states(job)) == ("cancelled", {"act": "completed", "after": "cancelled"})
    assert (Entry.objects.get(job=job).state, Entry.objects.get(job=job).result) == ("committed", '"done"')
    assert event_types(job)[-3:] == ["tool_invocation_finished", "node_finished", "job_cancelled"]


def test_a_running_tool_that_asks_stops_before_anything_happened(
    registered: Registered, world: World, doorbells: Doorbells, attentive: None
) -> None:
    job = act_and_go_on(registered, world, Effect.ONCE)
    heard = []

    def ask(ctx: ToolContext) -> None:
        ctx.check_stop()
        stop(job)
        heard.append(stopping(ctx))
        ctx.check_stop()
        raise AssertionError("a stopped tool goes no further")

    world.answers["act"] = ask
    doorbells.drain()
    assert heard == ["cancelled"]
    assert (again(job).state, again(job).error) == ("cancelled", None)
    assert states(job) == {"act": "failed", "after": "cancelled"}
    node = Node.objects.get(job=job, path="act")
    assert "NODE_STOPPED" in str(node.error)
    assert Entry.objects.get(job=job).state == "failed", "it is certain that nothing happened"


@pytest.mark.parametrize("error", [ToolError("no"), NotApplied("not now")])
def test_a_tool_that_fails_after_the_cancel_is_not_why_the_job_ended(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, error: Exception
) -> None:
    """Neither an error edge nor a retry leads on any more."""
    job = act_and_go_on(registered, world, on="error")

    def refuse(ctx: ToolContext) -> Exception:
        stop(job)
        return error

    world.answers["act"] = refuse
    doorbells.drain()
    assert (again(job).state, again(job).outcome, again(job).error) == ("cancelled", "cancelled", None)
    assert states(job) == {"act": "failed", "after": "cancelled"}
    clock.advance(3600)
    assert sweep() == dict.fromkeys(sweep(), 0)


@pytest.mark.parametrize("error", [ConnectionResetError("half an answer"), NotApplied("not now")])
def test_a_retry_that_is_due_later_is_not_tried(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, error: Exception
) -> None:
    job = act_and_go_on(registered, world)
    world.answers["act"] = error
    doorbells.drain()
    assert again(job).state == "retrying"
    assert stop(job).state == "cancelled"
    clock.advance(3600)
    sweep()
    doorbells.drain()
    assert world.called("act") == 1
    assert states(job) == {"act": "cancelled", "after": "cancelled"}
    assert Entry.objects.get(job=job).state == "failed"


def test_a_doubt_that_was_to_be_sent_again_is_shown_and_keeps_the_job_open(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = act_and_go_on(registered, world, Effect.IDEMPOTENT)
    world.answers["act"] = ConnectionResetError("half an answer")
    doorbells.drain()
    assert again(job).state == "retrying"
    assert stop(job).state == "parked"
    assert Entry.objects.get(job=job).state == "unknown"
    assert stop(job).state == "parked"
    clock.advance(3600)
    sweep()
    doorbells.drain()
    assert world.called("act") == 1
    assert states(job) == {"act": "waiting", "after": "cancelled"}


@pytest.mark.parametrize("wait", [{"park": False}, {}, {"kind": "human"}])
def test_a_waiting_job_ends_at_once_and_takes_no_answer(
    registered: Registered, world: World, doorbells: Doorbells, wait: dict[str, Any]
) -> None:
    after = world.tool("after")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("ask", correlation_key="ask-1", **wait)
        graph.wait("later", correlation_key="ask-2")
        graph.tool("after", after)
        graph.edge("ask", "later")
        graph.edge("later", "after")
        return graph

    registered.agent(plan, after)
    job = submitted()
    doorbells.drain()
    assert again(job).state == ("parked" if wait.get("park", True) else "waiting")
    assert stop(job).state == "cancelled"
    assert set(Wait.objects.filter(job=job).values_list("state", flat=True)) == {"cancelled"}
    assert set(Approval.objects.filter(job=job).values_list("state", flat=True)) <= {"cancelled"}
    for key in ("ask-1", "ask-2"):
        with pytest.raises(Refused) as refused:
            signal(job.pk, key, {"approved": True}, APPROVER)
        assert refused.value.code == "JOB_NOT_PARKED"


def test_a_sleeping_job_does_not_wake(registered: Registered, world: World, doorbells: Doorbells, clock: Clock) -> None:
    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.sleep("night", "8h")
        return graph

    registered.agent(plan)
    job = submitted()
    doorbells.drain()
    assert stop(job).state == "cancelled"
    clock.advance(9 * 3600)
    assert sweep()["timed_out"] == 0


def test_a_failing_job_still_ends_as_failed(registered: Registered, world: World, doorbells: Doorbells) -> None:
    """What came first is why it ended."""
    quick, slow = world.tool("quick"), world.tool("slow")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("slow", slow)
        graph.tool("quick", quick)
        return graph

    registered.agent(plan, quick, slow)
    world.answers["quick"] = ToolError("no", code="NO_SUCH_THING")
    job = submitted()

    def meanwhile(ctx: ToolContext) -> str:
        doorbells.drain()
        assert "job_failing" in event_types(job)
        assert stop(job).state == "running"
        return "done"

    world.answers["slow"] = meanwhile
    doorbells.drain()
    ended = again(job)
    assert (ended.state, ended.outcome) == ("failed", "failed")
    assert "NO_SUCH_THING" in str(ended.error)


def test_an_effect_that_nobody_knows_keeps_the_job_open(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    job = act_and_go_on(registered, world, Effect.ONCE)
    world.answers["act"] = ConnectionResetError("half an answer")
    doorbells.drain()
    assert again(job).state == "parked"
    stopped = stop(job)
    assert (stopped.state, stopped.is_final) == ("parked", False)
    assert (Entry.objects.get(job=job).state, Wait.objects.get(job=job).state) == ("unknown", "open")
    assert states(job) == {"act": "waiting", "after": "cancelled"}


@pytest.mark.parametrize(
    ("effect", "state", "entry"), [(Effect.READ, "cancelled", "failed"), (Effect.IDEMPOTENT, "parked", "unknown")]
)
def test_a_worker_that_is_lost_after_the_cancel_is_not_replaced(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, effect: Effect, state: str, entry: str
) -> None:
    """Its late result is recorded all the same, and where it answers a doubt, the job ends."""
    job = act_and_go_on(registered, world, effect)
    with job_transaction(job.pk) as tx:
        planning = claim(tx, "plan")
    assert planning is not None
    outcome = perform(planning)
    assert outcome is not None
    with job_transaction(job.pk) as tx:
        commit(tx, planning, outcome)
    with job_transaction(job.pk) as tx:
        lost = claim(tx, "act")
    assert lost is not None

    assert stop(job).state == "running"
    clock.advance(16)
    assert sweep()["reclaimed"] == 1
    doorbells.drain()
    assert (again(job).state, Entry.objects.get(job=job).state) == (state, entry)
    assert_whole(job)
    assert violations(jobs=[job.pk], afresh=False) == [], "no event tells that it was cancelled while it is in doubt"

    with job_transaction(job.pk) as tx:
        assert not commit(tx, lost, Done('"late"'))
    assert again(job).state == "cancelled"
    if effect.writes:
        assert (Entry.objects.get(job=job).state, states(job)["act"]) == ("committed", "completed")
    assert world.called("act") == 0


@pytest.mark.parametrize(("error", "state"), [(None, "completed"), (ToolError("no"), "failed")])
def test_a_job_that_has_ended_otherwise_is_not_cancelled(
    registered: Registered, world: World, doorbells: Doorbells, error: Exception | None, state: str
) -> None:
    job = act_and_go_on(registered, world)
    world.answers["act"] = error
    doorbells.drain()
    told = event_types(job)
    with pytest.raises(Refused) as refused:
        stop(job)
    assert refused.value.code == "JOB_FINISHED"
    assert (again(job).state, again(job).cancel_requested_at, event_types(job)) == (state, None, told)


def test_a_second_cancel_changes_nothing(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = act_and_go_on(registered, world)
    first = stop(job)
    second = cancel(job.pk, actor="user:4/another", reason="me too")
    assert (second.state, second.seq, second.cancel_requested_at) == ("cancelled", first.seq, first.cancel_requested_at)


def test_many_cancels_at_once_are_one(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = act_and_go_on(registered, world)
    assert {stopped.state for stopped in at_once(*[partial(stop, job)] * 6)} == {"cancelled"}
    assert event_types(job).count("job_cancel_requested") == 1


def test_a_job_that_does_not_exist_cannot_be_cancelled(database: None) -> None:
    with pytest.raises(Refused) as refused:
        cancel(new_id(), actor=OPERATOR)
    assert refused.value.code == "JOB_NOT_FOUND"


def test_a_reason_that_is_no_text_is_refused(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = act_and_go_on(registered, world)
    with pytest.raises(NotCanonical):
        cancel(job.pk, actor=OPERATOR, reason="\ud800")
    assert again(job).cancel_requested_at is None
