"""A job's walk: submit, plan once, claim, run, commit, park, signal, resume, settle."""

import pytest

from aetheris.core import registry
from aetheris.core.errors import CriticalError, ToolError
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.references import ref
from jobs.engine.replay import differences, replay
from jobs.engine.signal import signal
from jobs.engine.transitions import recount
from jobs.models import Body, Job, Node
from ledger.models import Entry, Event
from tests.world import (
    APPROVER,
    Doorbells,
    Registered,
    World,
    again,
    event_types,
    function,
    result_of,
    states,
    submitted,
)


def counters(job: Job) -> dict[str, int]:
    return {name: getattr(job, name) for name in recount(job)}


def test_a_chain_runs_to_its_end(registered: Registered, world: World, doorbells: Doorbells) -> None:
    first, second = world.tool("first"), world.tool("second", Effect.IDEMPOTENT)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("a", first, value={"amount": "12.50"})
        graph.tool("b", second, value=ref("a.amount"))
        graph.edge("a", "b")
        return graph

    agent = registered.agent(plan, first, second)
    job = submitted()
    doorbells.drain()

    job = again(job)
    assert (job.state, job.outcome, result_of(job)) == ("completed", "completed", "12.50")
    assert world.calls == [
        ("first", {"value": {"amount": "12.50"}}, f"aetheris:{job.pk}:a:1"),
        ("second", {"value": "12.50"}, f"aetheris:{job.pk}:b:1"),
    ]
    assert agent.planned == 1
    assert event_types(job) == [
        "job_created",
        "node_started",
        "plan_generated",
        *["node_started", "tool_invocation_started", "tool_invocation_finished", "node_finished"] * 2,
        "job_completed",
    ]
    assert counters(job) == recount(job)


def test_a_fan_out_joins_when_every_branch_is_decided(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    work = world.tool("work")

    @function
    def total(parts: list[int]) -> int:
        return sum(parts)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("start", work, value=1)
        for number in range(20):
            graph.tool(f"branch-{number}", work, value=number)
            graph.edge("start", f"branch-{number}")
        graph.function("join", total, parts=[ref(f"branch-{number}") for number in range(20)])
        for number in range(20):
            graph.edge(f"branch-{number}", "join")
        return graph

    registered.agent(plan, work, total)
    job = submitted()
    doorbells.drain()
    job = again(job)
    assert (job.state, result_of(job)) == ("completed", sum(range(20)))
    assert world.called("work") == 21
    assert counters(job) == recount(job)


@pytest.mark.parametrize(("amount", "taken", "left"), [("600.00", "large", "small"), ("5", "small", "large")])
def test_a_condition_takes_one_branch_and_skips_the_other(
    registered: Registered, world: World, doorbells: Doorbells, amount: str, taken: str, left: str
) -> None:
    look, act = world.tool("look"), world.tool("act")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look, value={"amount": amount})
        graph.tool("large", act, value="large")
        graph.tool("after-large", act, value="after")
        graph.tool("small", act, value="small")
        graph.tool("join", act, value="joined")
        graph.edge("look", "large", when={"ref": "look.amount", "op": ">", "value": "500"})
        graph.edge("look", "small", when={"ref": "look.amount", "op": "<=", "value": "500"})
        graph.edge("large", "after-large")
        graph.edge("after-large", "join")
        graph.edge("small", "join")
        return graph

    registered.agent(plan, look, act)
    job = submitted()
    doorbells.drain()
    assert again(job).state == "completed"
    assert (states(job)[taken], states(job)[left], states(job)["join"]) == ("completed", "skipped", "completed")
    assert counters(again(job)) == recount(job)


def waiting_plan(world: World) -> tuple[TaskGraph, tuple[object, ...]]:
    look, pay = world.tool("look"), world.tool("pay", Effect.IDEMPOTENT)

    @function
    def report(paid: object, answer: object) -> dict[str, object]:
        return {"paid": paid is not None, "answer": answer}

    graph = TaskGraph()
    graph.tool("look", look, value={"amount": "7"})
    graph.wait("ask", kind="human", correlation_key="ask-1", approves="pay", reason="May we?")
    graph.tool("pay", pay, value=ref("look.amount"))
    graph.function("report", report, paid=ref("pay", default=None), answer=ref("ask", default=None))
    graph.edge("look", "ask")
    graph.edge("ask", "pay")
    graph.edge("ask", "report", on="refused")
    graph.edge("pay", "report")
    return graph, (look, pay, report)


def test_a_parked_job_holds_nothing_and_goes_on_after_the_answer(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    graph, handlers = waiting_plan(world)
    registered.agent(lambda: graph, *handlers)  # type: ignore[arg-type]
    job = submitted()
    doorbells.drain()

    job = again(job)
    assert job.state == "parked"
    assert not Node.objects.filter(job=job, state="running").exists()
    assert not Entry.objects.filter(job=job, node="pay").exists(), "nothing looks begun before it is approved"
    assert counters(job) == recount(job)

    assert signal(job.pk, "ask-1", {"approved": True, "reason": "fine"}, APPROVER) == "applied"
    assert again(job).state == "pending"
    doorbells.drain()
    job = again(job)
    assert (job.state, job.outcome) == ("completed", "completed")
    assert result_of(job) == {"paid": True, "answer": {"approved": True, "reason": "fine"}}
    assert world.called("look") == 1
    assert counters(job) == recount(job)


def test_a_refusal_leads_only_where_it_is_asked_for(registered: Registered, world: World, doorbells: Doorbells) -> None:
    graph, handlers = waiting_plan(world)
    registered.agent(lambda: graph, *handlers)  # type: ignore[arg-type]
    job = submitted()
    doorbells.drain()
    signal(job.pk, "ask-1", {"approved": False}, APPROVER)
    doorbells.drain()
    job = again(job)
    assert (job.state, job.outcome) == ("completed", "refused")
    assert states(job) == {"look": "completed", "ask": "completed", "pay": "skipped", "report": "completed"}
    assert world.called("pay") == 0


def approved(registered: Registered, world: World, doorbells: Doorbells) -> Job:
    """A job whose call was approved, and has not been made yet."""
    graph, handlers = waiting_plan(world)
    registered.agent(lambda: graph, *handlers)  # type: ignore[arg-type]
    job = submitted()
    doorbells.drain()
    signal(job.pk, "ask-1", {"approved": True}, APPROVER)
    return job


def test_an_approval_holds_for_exactly_what_was_approved(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    job = approved(registered, world, doorbells)
    Node.objects.filter(job=job, path="look").update(output='{"amount":"7000"}')  # somebody meddles
    doorbells.drain()
    job = again(job)
    assert (job.state, job.error_value["code"]) == ("failed", "APPROVAL_DOES_NOT_COVER")  # type: ignore[index]
    assert world.called("pay") == 0
    assert not Entry.objects.filter(job=job, step_id="pay").exists()


def test_an_approval_holds_for_no_other_version_of_its_tool(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """Another version was deployed after somebody had said yes to what the first one does."""
    job = approved(registered, world, doorbells)
    with registry.tools.emptied():
        registered.put(registry.tools, "pay", world.tool("pay", Effect.IDEMPOTENT, version="2"))
        doorbells.drain()
    job = again(job)
    assert (job.state, job.error_value["code"]) == ("failed", "APPROVAL_DOES_NOT_COVER")  # type: ignore[index]
    assert world.called("pay") == 0


@pytest.mark.parametrize("error", [ToolError("no such order", code="ORDER_NOT_FOUND"), CriticalError("stop")])
def test_a_tool_that_says_no_fails_its_job_with_its_code(
    registered: Registered, world: World, doorbells: Doorbells, error: ToolError
) -> None:
    look, after = world.tool("look", Effect.ONCE), world.tool("after")
    world.answers["look"] = error

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look)
        graph.tool("after", after)
        graph.edge("look", "after")
        return graph

    registered.agent(plan, look, after)
    job = submitted()
    doorbells.drain()
    job = again(job)
    assert job.state == "failed"
    assert job.error_value == {"code": error.code, "message": error.message, "node_id": "look"}
    assert states(job) == {"look": "failed", "after": "cancelled"}
    assert Entry.objects.get(job=job).state == "failed"
    assert counters(job) == recount(job)


def test_a_job_that_fails_while_another_branch_runs_ends_only_after_it(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """The slow branch's result is recorded, and the job is final once nothing runs."""
    quick, slow = world.tool("quick"), world.tool("slow", Effect.IDEMPOTENT)
    world.answers["quick"] = ToolError("no")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("slow", slow, value=1)
        graph.tool("quick", quick)
        return graph

    registered.agent(plan, quick, slow)
    job = submitted()

    def fail_meanwhile(ctx: object) -> str:
        doorbells.drain()
        assert again(job).state == "running"
        assert again(job).error is not None
        return "done"

    world.answers["slow"] = fail_meanwhile
    doorbells.drain()
    assert again(job).state == "failed"
    assert states(job) == {"slow": "completed", "quick": "failed"}
    assert Entry.objects.get(job=job, step_id="slow").state == "committed"


def test_a_long_value_is_stored_once_and_read_everywhere(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """Over 1 KiB, rows and events hold a digest; branches, conditions, replay and the result see the value."""
    long = {"text": "long " * 1000, "more": True}
    give, take = world.tool("give"), world.tool("take", Effect.IDEMPOTENT)
    world.answers["give"] = long

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("give", give)
        graph.tool("take", take, value=ref("give"))
        graph.edge("give", "take", when={"ref": "give.more", "op": "==", "value": True})
        return graph

    registered.agent(plan, give, take)
    job = submitted()
    doorbells.drain()
    assert result_of(job) == long
    assert world.calls[1][1] == {"value": long}
    assert Body.objects.filter(job=job).count() == 2, "the value, and the arguments that hold it"
    assert max(len(event.payload) for event in Event.objects.stream(job.pk)) < 2048
    assert max(len(node.output or "") for node in Node.objects.of_job(job.pk)) < 100
    events = list(Event.objects.stream(job.pk))
    view = replay(events, Event.objects.told(job.pk, events))
    assert view.payload_results == {"give": long, "take": long}
    assert differences(view, again(job), list(Node.objects.of_job(job.pk)), Entry.objects.states(job.pk)) == []
