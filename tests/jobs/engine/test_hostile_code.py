"""What users' code may do to the engine, by mistake or by malice, and what holds all the same."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Annotated, Any

import pytest
from django.db import connection, transaction
from pydantic import BaseModel, BeforeValidator, Field

from aetheris.core import registry
from aetheris.core.canonical import MAX_DEPTH
from aetheris.core.context import ToolContext
from aetheris.core.errors import CriticalError, ToolError
from aetheris.core.findings import Finding, Happened
from aetheris.core.graph import NodeSpec, TaskGraph
from aetheris.core.handlers import Effect, Function, Hooks, Tool
from aetheris.core.references import ref
from aetheris.core.schema import Signature
from jobs.engine.signal import signal
from jobs.engine.sweep import sweep
from jobs.models import Job, Node
from ledger.models import Entry
from signals_app.models import Wait
from tests.conftest import Clock
from tests.doors import at_once
from tests.world import APPROVER, Doorbells, Registered, Scripted, World, again, result_of, states, submitted

pytestmark = pytest.mark.usefixtures("whole")
OBJECT = {"type": "object"}


def chain(registered: Registered, *tools: Tool) -> Job:
    """A job whose plan calls these tools one after another, as nodes of their names; the first gets 1."""

    def plan() -> TaskGraph:
        graph = TaskGraph()
        for tool in tools:
            graph.tool(tool.name, tool, value=1)
        for before, after in pairwise(tools):
            graph.edge(before.name, after.name)
        return graph

    registered.agent(plan, *tools)
    return submitted()


def planned_as(registered: Registered, graph: TaskGraph, *handlers: Tool | Function) -> Job:
    """A job whose plan is this graph."""
    registered.agent(lambda: graph, *handlers)
    return submitted()


def later(clock: Clock, doorbells: Doorbells, rounds: int = 4) -> None:
    """Workers answer, time passes, sweeps sweep."""
    for _ in range(rounds):
        doorbells.drain()
        clock.advance(60)
        sweep()


def declared(call: Callable[..., Any], effect: Effect = Effect.ONCE) -> Tool:
    """A tool of the user's own making, under the name of its function."""
    return Tool(call.__name__, call, effect, "1", 30.0, 86400.0, 600.0, "default", Signature(call))


def error_of(job: Job) -> tuple[str, str]:
    """The state that a job ended in, and the code that says why."""
    job = again(job)
    error: Any = job.error_value or {}
    return job.state, error.get("code", "")


# What a tool does to the connection of its thread.


def autocommit_off(ctx: ToolContext) -> None:
    transaction.set_autocommit(False)
    Job.objects.count()


def begin_open(ctx: ToolContext) -> None:
    connection.cursor().execute("BEGIN")


def atomic_open(ctx: ToolContext) -> None:
    transaction.atomic().__enter__()
    Job.objects.count()


def connection_closed(ctx: ToolContext) -> None:
    connection.close()


@pytest.mark.parametrize("meddle", [autocommit_off, begin_open, atomic_open, connection_closed])
def test_a_tool_that_meddles_with_the_connection_keeps_no_commit_from_happening(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, meddle: Callable[[ToolContext], None]
) -> None:
    """While the second is called, everybody else can see that the first has happened and the second has begun."""
    first, second = world.tool("first", Effect.ONCE), world.tool("second", Effect.ONCE)
    job = chain(registered, first, second)
    seen = []

    def look(ctx: ToolContext) -> None:
        seen.extend(at_once(lambda: dict(Entry.objects.filter(job=job).values_list("node", "state"))))

    world.answers |= {"first": meddle, "second": look}
    later(clock, doorbells)
    assert seen == [{"first": "committed", "second": "started"}]
    assert (again(job).state, world.called("first"), world.called("second")) == ("completed", 1, 1)


# What breaks out of a call.


class Unreadable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class WithoutInit(ToolError):
    def __init__(self) -> None:
        """Forgets its base."""


def raising(error: BaseException) -> Callable[[ToolContext], Any]:
    def answer(ctx: ToolContext) -> Any:
        raise error

    return answer


def breaking_off(ctx: ToolContext) -> Iterator[int]:
    yield 1
    raise ConnectionResetError("half an answer")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SystemExit(3), "HANDLER_BROKE_OUT"),
        (KeyboardInterrupt(), "HANDLER_BROKE_OUT"),
        (GeneratorExit(), "HANDLER_BROKE_OUT"),
        (Unreadable(), "TOOL_IN_DOUBT"),
        (ValueError("NUL \x00 inside"), "TOOL_IN_DOUBT"),
        (ValueError("lone \ud800 surrogate"), "TOOL_IN_DOUBT"),
    ],
)
@pytest.mark.parametrize(
    ("effect", "calls"),
    [
        (Effect.IDEMPOTENT, 3),
        (Effect.ONCE, 1),
    ],
)
def test_whatever_breaks_out_of_a_tool_is_doubt(
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
    error: BaseException,
    code: str,
    effect: Effect,
    calls: int,
) -> None:
    world.answers["act"] = raising(error)
    job = chain(registered, world.tool("act", effect))
    later(clock, doorbells)
    entry = Entry.objects.get(job=job)
    assert (world.called("act"), again(job).state, entry.state) == (calls, "parked", "unknown")
    assert code in (entry.error or "")


@pytest.mark.parametrize(
    ("error", "entry", "code"),
    [
        (WithoutInit(), "failed", "TOOL_ERROR"),
        (ToolError("NUL \x00 inside"), "failed", "TOOL_ERROR"),
        (CriticalError("lone \ud800 surrogate"), "failed", "CRITICAL_ERROR"),
    ],
)
def test_a_no_is_a_no_however_it_is_worded(
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
    error: Exception,
    entry: str,
    code: str,
) -> None:
    world.answers["act"] = error
    job = chain(registered, world.tool("act", Effect.IDEMPOTENT))
    later(clock, doorbells)
    assert (world.called("act"), Entry.objects.get(job=job).state, error_of(job)) == (1, entry, ("failed", code))


@pytest.mark.parametrize("effect", [Effect.IDEMPOTENT, Effect.ONCE])
def test_a_result_that_breaks_off_while_it_is_read_has_happened(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, effect: Effect
) -> None:
    world.answers["act"] = breaking_off
    job = chain(registered, world.tool("act", effect))
    later(clock, doorbells)
    assert (world.called("act"), Entry.objects.get(job=job).state) == (1, "committed")
    assert error_of(job) == ("failed", "RESULT_NOT_CANONICAL")


def test_a_model_that_says_nothing_is_asked_once(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    nothing: Any = None
    model = Scripted(*[nothing] * 9)
    registered.put(registry.models, "script", model)
    graph = TaskGraph()
    graph.llm("ask", "?", model="script:one", answer=OBJECT)
    job = planned_as(registered, graph)
    later(clock, doorbells)
    assert (len(model.asked), error_of(job)) == (1, ("failed", "MODEL_ANSWER_INVALID"))


# What type hints bring about.


class Order(BaseModel):
    amount: int = Field(alias="Amount")


def test_arguments_are_kept_under_the_names_that_they_came_with(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    amounts = []

    def act(ctx: ToolContext, order: Order) -> int:
        amounts.append(order.amount)
        return order.amount

    tool = declared(act)
    graph = TaskGraph()
    graph.tool("act", tool, order={"Amount": 5})
    job = planned_as(registered, graph, tool)
    later(clock, doorbells)
    assert (amounts, again(job).state, result_of(job)) == ([5], "completed", 5)


@pytest.mark.parametrize(("amount", "sent"), [(500, True), (501, False), (0, False), (-7000, False)])
def test_limits_that_stand_in_a_hint_hold(
    registered: Registered, world: World, doorbells: Doorbells, amount: int, sent: bool
) -> None:
    paid = []

    def pay(ctx: ToolContext, amount: Annotated[int, Field(gt=0, le=500)]) -> None:
        paid.append(amount)

    tool = declared(pay)
    graph = TaskGraph()
    graph.tool("pay", tool, amount=amount)
    job = planned_as(registered, graph, tool)
    doorbells.drain()
    assert paid == ([amount] if sent else [])
    assert error_of(job) == (("completed", "") if sent else ("failed", "ARGUMENTS_INVALID"))


def broken(value: Any) -> Any:
    raise RuntimeError("the validator is broken")


def pay_broken(ctx: ToolContext, value: Annotated[Any, BeforeValidator(broken)] = None) -> None:
    """No argument is good enough for it."""


@pytest.mark.parametrize("approved", [False, True])
def test_a_validator_that_raises_undoes_nothing_before_it(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, approved: bool
) -> None:
    """Whether the broken tool is to be called next, or to be approved next: the first call stays recorded."""
    first, pay = world.tool("first", Effect.ONCE), declared(pay_broken)
    graph = TaskGraph()
    graph.tool("first", first, value=1)
    graph.tool("pay", pay, value=ref("first"))
    graph.edge("first", "pay")
    if approved:
        graph.wait("ask", kind="human", correlation_key="ask", approves="pay")
        graph.edge("first", "ask")
        graph.edge("ask", "pay")
    job = planned_as(registered, graph, first, pay)
    later(clock, doorbells)
    assert (world.called("first"), Entry.objects.get(job=job).state) == (1, "committed")
    assert error_of(job) == ("failed", "NODE_NOT_PREPARED")
    assert Node.objects.get(job=job, path="ask" if approved else "pay").state == "failed"


def test_a_validator_that_raises_does_not_refuse_the_signal_before_it(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    pay = declared(pay_broken)
    graph = TaskGraph()
    graph.wait("go", correlation_key="go")
    graph.wait("ask", kind="human", correlation_key="ask", approves="pay")
    graph.tool("pay", pay, value=1)
    graph.edge("go", "ask")
    graph.edge("ask", "pay")
    job = planned_as(registered, graph, pay)
    doorbells.drain()
    assert signal(job.pk, "go", {}, APPROVER) == "applied"
    assert Wait.objects.get(job=job, correlation_key="go").state == "resolved"
    assert (states(job)["ask"], error_of(job)) == ("failed", ("failed", "NODE_NOT_PREPARED"))


# What stands in a plan.


def nul_in_a_reason(graph: TaskGraph) -> None:
    graph.wait("ask", correlation_key="ask", reason="NUL \x00 inside")


def a_surrogate_in_a_reason(graph: TaskGraph) -> None:
    graph.wait("ask", correlation_key="ask", reason="lone \ud800 surrogate")


def a_long_queue(graph: TaskGraph) -> None:
    graph.tool("act", "act")
    graph.options("act", queue="q" * 64)


def an_unknown_type(graph: TaskGraph) -> None:
    graph.nodes["x"] = NodeSpec("x", "bogus", {})


def a_second_plan(graph: TaskGraph) -> None:
    graph.nodes["x"] = NodeSpec("x", "plan", {})


def a_tool_of_a_long_queue(graph: TaskGraph) -> None:
    graph.tool("far", "far")


@pytest.mark.parametrize(
    ("add", "code"),
    [
        (nul_in_a_reason, "GRAPH_VALUE_INVALID"),
        (a_surrogate_in_a_reason, "GRAPH_VALUE_INVALID"),
        (a_long_queue, "GRAPH_VALUE_INVALID"),
        (an_unknown_type, "GRAPH_VALUE_INVALID"),
        (a_second_plan, "GRAPH_VALUE_INVALID"),
        (a_tool_of_a_long_queue, "PLAN_NOT_STORABLE"),
    ],
)
def test_a_plan_that_cannot_be_stored_is_made_once(
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
    add: Callable[[TaskGraph], None],
    code: str,
) -> None:
    def plan() -> TaskGraph:
        graph = TaskGraph()
        add(graph)
        return graph

    agent = registered.agent(plan, world.tool("act"), world.tool("far", queue="q" * 64))
    job = submitted()
    later(clock, doorbells)
    assert (agent.planned, error_of(job), states(job)) == (1, ("failed", code), {})


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), Unreadable(), WithoutInit()])
def test_whatever_breaks_out_of_a_plan_fails_the_job_once(
    registered: Registered, doorbells: Doorbells, clock: Clock, error: BaseException
) -> None:
    def plan() -> TaskGraph:
        raise error

    agent = registered.agent(plan)
    job = submitted()
    later(clock, doorbells)
    assert (agent.planned, again(job).state) == (1, "failed")


@pytest.mark.parametrize("answer", [None, [1], TaskGraph])
def test_a_plan_that_is_no_graph_fails_the_job_once(
    registered: Registered, doorbells: Doorbells, clock: Clock, answer: Any
) -> None:
    agent = registered.agent(lambda: answer)
    job = submitted()
    later(clock, doorbells)
    assert (agent.planned, error_of(job)) == (1, ("failed", "GRAPH_INVALID"))


def test_a_generator_in_a_plan_is_read_once(registered: Registered, world: World, doorbells: Doorbells) -> None:
    """What was checked, what is stored and what the tool gets are the same numbers."""
    act = world.tool("act", Effect.ONCE)
    graph = TaskGraph()
    graph.tool("act", act, value=(number for number in [1, 2]))
    job = planned_as(registered, graph, act)
    doorbells.drain()
    assert (again(job).state, world.calls[0][1]) == ("completed", {"value": [1, 2]})


def test_the_deepest_result_that_is_taken_is_passed_on_whole_and_asked_about_whole(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """The arguments of a call, and what is asked about one, stand around it and may go deeper."""
    deepest: Any = "the bottom"
    for _ in range(MAX_DEPTH - 1):
        deepest = [deepest]
    seen: list[Any] = []

    def same(ctx: ToolContext, recorded: Any, value: Any = None) -> None:
        seen.append((recorded, value))

    def found(ctx: ToolContext, value: Any = None) -> Finding:
        return Happened(value["inside"])

    look = world.tool("look")
    act = world.tool("act", Effect.IDEMPOTENT, hooks=Hooks(verify=same))
    pay = world.tool("pay", Effect.VERIFIABLE, hooks=Hooks(reconcile=found))
    world.answers |= {"look": deepest, "act": deepest, "pay": ConnectionResetError("half an answer")}
    graph = TaskGraph()
    graph.tool("look", look)
    graph.tool("act", act, value={"inside": ref("look")})
    graph.wait("wait", correlation_key="go")
    graph.tool("pay", pay, value={"inside": ref("act")})
    for before, after in pairwise(("look", "act", "wait", "pay")):
        graph.edge(before, after)
    job = planned_as(registered, graph, look, act, pay)
    doorbells.drain()
    signal(job.pk, "go", {}, APPROVER)
    later(clock, doorbells)
    assert (again(job).state, result_of(job)) == ("completed", deepest)
    assert seen == [(deepest, {"inside": deepest})]
    assert world.called("pay") == 1
