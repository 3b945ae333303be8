"""A node does not end, and a job does not, while it is not known what became of an effect: whatever else went wrong.
And when it is known, the question is closed: no job waits for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aetheris.core import registry
from aetheris.core.context import ToolContext
from aetheris.core.errors import CriticalError, ToolError
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect, Hooks, Tool
from aetheris.core.outcomes import Done, Fail
from aetheris.core.steps import StepContext, Suspended
from jobs.engine import effects, run
from jobs.engine.activation import Activation
from jobs.engine.claim import claim
from jobs.engine.kinds import tool as tools
from jobs.engine.kinds.base import Claimed
from jobs.engine.resolve import resolve
from jobs.engine.run import run_node
from jobs.engine.sweep import sweep
from jobs.engine.transaction import job_transaction
from jobs.models import Job
from ledger.entries import Intent
from ledger.models import Entry
from tests.conftest import Clock
from tests.jobs.engine.one_step import Code, one_step
from tests.jobs.engine.one_tool import LEASE, question
from tests.world import APPROVER, Doorbells, Registered, World, again, result_of, submitted

pytestmark = pytest.mark.usefixtures("whole")
HALF = ConnectionResetError("half an answer")


def planned_step(registered: Registered, code: Code, *tools: Tool) -> Job:
    """A job whose plan is the one step node `work`, planned and READY."""
    job = one_step(registered, code, *tools)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "SLICE_SECONDS", 0.0)
        run_node(job.pk, "plan")
    return again(job)


def claimed_of(job: Job, path: str = "work") -> Claimed:
    """A worker claims the node."""
    with job_transaction(job.pk) as tx:
        claimed = claim(tx, path)
    assert claimed is not None
    return claimed


def hand_of(claimed: Claimed) -> Activation:
    """The activation that holds the node."""
    return Activation(claimed.job.pk, claimed.activation)


def calling(job: Job, claimed: Claimed, declared: Tool, place: str = "1") -> Intent:
    """The step's worker is in a call of this tool, and then nothing is heard of it."""
    text = declared.signature.canonical({})
    intent = tools.intent(declared, f"work#{place}", text, declared.timeout)
    assert effects.open_effect(hand_of(claimed), claimed, intent, text, []).recorded is None
    return intent


def lost(clock: Clock) -> None:
    """Leases run out and are taken back."""
    clock.advance(LEASE + 1)
    sweep()


def elsewhere(call: Any) -> Any:
    """In another thread, with a connection of its own."""
    from tests.doors import at_once

    return at_once(call)[0]


def states_of(job: Job) -> dict[str, str]:
    return dict(Entry.objects.filter(job=job).values_list("step_id", "state"))


def test_a_step_that_goes_another_way_after_a_crash_shows_the_call_that_it_left(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """Its code was changed meanwhile, and makes the call no more: it is not done while the call is in doubt."""
    pay = world.tool("pay", Effect.IDEMPOTENT)
    job = planned_step(registered, lambda ctx: "all is well", pay)
    calling(job, claimed_of(job), pay)
    lost(clock)
    doorbells.drain()
    assert (again(job).state, states_of(job)) == ("parked", {"work#1": "unknown"})
    resolve(job.pk, question(job), {"resolution": "happened", "result": 1}, APPROVER)
    doorbells.drain()
    assert (again(job).state, result_of(job), world.called("pay")) == ("completed", "all is well", 0)


def a_new_version(world: World) -> Tool:
    return world.tool("pay", Effect.IDEMPOTENT, version="2")


def another_tool(world: World) -> Tool:
    return world.tool("pay_by_card", Effect.IDEMPOTENT)


@pytest.mark.parametrize("changed", [a_new_version, another_tool])
def test_a_call_of_a_step_that_can_not_be_made_again_is_shown(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, changed: Any
) -> None:
    """Its tool was given another version, or another name, while a worker was lost in the call."""
    pay = world.tool("pay", Effect.IDEMPOTENT)
    current = [pay]
    job = planned_step(registered, lambda ctx: ctx.call(current[0]), pay)
    calling(job, claimed_of(job), pay)
    lost(clock)
    current[0] = changed(world)
    registry.agents.get("test-agent").tools[:] = current
    with registry.tools.emptied():
        registered.put(registry.tools, current[0].name, current[0])
        doorbells.drain()
    assert (again(job).state, states_of(job), world.calls) == ("parked", {"work#1": "unknown"}, [])


def test_a_step_is_not_done_while_one_of_its_threads_is_in_a_call(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """The answer comes after all: it answers the question, and the step is run again, and given what it did."""
    pay = world.tool("pay", Effect.ONCE)
    inside, over = threading.Event(), threading.Event()

    def slow(ctx: ToolContext) -> str:
        inside.set()
        assert over.wait(30)
        return "paid"

    world.answers["pay"] = slow
    pool = ThreadPoolExecutor(1)
    calls = []

    def code(ctx: StepContext) -> str:
        calls.append(pool.submit(ctx.named("pay").call, pay))
        assert inside.wait(30)
        return "all is well"

    job = planned_step(registered, code, pay)
    doorbells.drain()
    assert (again(job).state, states_of(job)) == ("parked", {"work#pay": "unknown"})
    over.set()
    with pytest.raises(Suspended):
        calls[0].result(30)
    doorbells.drain()
    pool.shutdown()
    assert (again(job).state, result_of(job), world.called("pay")) == ("completed", "all is well", 1)


@pytest.mark.parametrize("first", ["pay", "stop"])
def test_of_two_calls_at_once_the_failure_of_one_does_not_hide_the_doubt_about_the_other(
    registered: Registered, world: World, doorbells: Doorbells, first: str
) -> None:
    pay, stop = world.tool("pay", Effect.ONCE), world.tool("stop", Effect.ONCE)
    both, settled = threading.Barrier(2), threading.Event()

    def raising(name: str, error: Exception) -> Any:
        def answer(ctx: ToolContext) -> None:
            both.wait(30)
            if name != first:
                assert settled.wait(30)
            raise error

        return answer

    world.answers |= {"pay": raising("pay", HALF), "stop": raising("stop", CriticalError("stop everything"))}

    def code(ctx: StepContext) -> None:
        def call(declared: Tool) -> None:
            try:
                ctx.named(declared.name).call(declared)
            finally:
                if declared.name == first:
                    settled.set()

        with ThreadPoolExecutor(2) as calls:
            list(calls.map(call, (pay, stop)))

    job = planned_step(registered, code, pay, stop)
    doorbells.drain()
    assert (again(job).state, states_of(job)) == ("parked", {"work#pay": "unknown", "work#stop": "failed"})
    resolve(job.pk, question(job), {"resolution": "happened", "result": 1}, APPROVER)
    doorbells.drain()
    assert again(job).state == "failed"
    assert "CRITICAL_ERROR" in str(again(job).error)
    assert (world.called("pay"), world.called("stop")) == (1, 1)


def test_a_changed_world_fails_the_job_and_shows_the_doubt_of_the_node_that_was_to_go_on(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """The node's own worker was lost in its call: that is why the world is looked at, and is not forgotten for it."""

    def gone(ctx: ToolContext, recorded: Any, value: Any = None) -> str:
        return "the chair is gone"

    reserve = world.tool("reserve", Effect.IDEMPOTENT, hooks=Hooks(verify=gone))
    ship = world.tool("ship", Effect.ONCE)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("reserve", reserve)
        graph.tool("ship", ship)
        graph.edge("reserve", "ship")
        return graph

    registered.agent(plan, reserve, ship)
    job = submitted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "SLICE_SECONDS", 0.0)
        run_node(job.pk, "plan")
        run_node(job.pk, "reserve")
    claimed_of(job, "ship")
    lost(clock)
    doorbells.drain()
    assert (again(job).state, Entry.objects.get(job=job, step_id="ship").state) == ("parked", "unknown")
    assert "WORLD_CHANGED" in str(again(job).error)
    resolve(job.pk, question(job), {"resolution": "happened", "result": 1}, APPROVER)
    assert (again(job).state, world.called("ship")) == ("failed", 0)


def test_an_answer_that_comes_between_the_doubt_and_its_commit_closes_it(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """The lost worker's success is there before the other one, whose call broke off, has ended the step."""
    pay = world.tool("pay", Effect.IDEMPOTENT)
    world.answers["pay"] = HALF
    stale: list[tuple[Claimed, Intent]] = []

    def code(ctx: StepContext) -> Any:
        try:
            return ctx.call(pay)
        except Suspended:
            elsewhere(lambda: effects.settle_effect(hand_of(first), *stale[0], 1, Done('"late"')))
            raise

    job = planned_step(registered, code, pay)
    first = claimed_of(job)
    stale.append((first, calling(job, first, pay)))
    lost(clock)
    doorbells.drain()
    assert (again(job).state, result_of(job), world.called("pay")) == ("completed", "late", 1)


def test_an_answer_closes_the_question_about_its_own_effect_and_no_other(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """A worker was lost in two calls at once. One is asked about; it brings the answer of the other."""
    one, other = world.tool("one", Effect.ONCE), world.tool("other", Effect.ONCE)
    job = planned_step(registered, lambda ctx: [ctx.named("a").call(one), ctx.named("b").call(other)], one, other)
    first = claimed_of(job)
    calling(job, first, one, "a")
    second = calling(job, first, other, "b")
    lost(clock)
    doorbells.drain()
    assert question(job) == "resolution:work#a:1"

    effects.settle_effect(hand_of(first), first, second, 1, Done('"late"'))
    doorbells.drain()
    assert states_of(job) == {"work#a": "unknown", "work#b": "committed"}
    resolve(job.pk, "resolution:work#a:1", {"resolution": "happened", "result": "seen"}, APPROVER)
    doorbells.drain()
    assert (again(job).state, result_of(job), world.calls) == ("completed", ["seen", "late"], [])


def test_a_failure_that_a_lost_worker_brings_before_its_step_is_run_again_is_recorded(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    pay = world.tool("pay", Effect.ONCE)

    def code(ctx: StepContext) -> str:
        try:
            return str(ctx.call(pay))
        except ToolError as error:
            return error.message

    job = planned_step(registered, code, pay)
    first = claimed_of(job)
    intent = calling(job, first, pay)
    lost(clock)
    effects.settle_effect(hand_of(first), first, intent, 1, Fail("NO_MONEY", "no money"))
    assert states_of(job) == {"work#1": "failed"}
    doorbells.drain()
    assert (again(job).state, result_of(job), world.calls) == ("completed", "no money", [])
