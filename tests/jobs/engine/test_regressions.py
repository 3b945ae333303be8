"""What a breaker found in the engine, and must never find again: lost facts, false alarms, effects sent twice."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from aetheris.core import registry
from aetheris.core.context import StopRequest, ToolContext
from aetheris.core.errors import GraphError, Refused, ToolError
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect, Function, Tool
from aetheris.core.outcomes import Done, Fail, Outcome
from aetheris.core.schema import Signature
from aetheris.failpoints import commit_of_this_verb
from aetheris.testing import Call
from jobs.engine import run
from jobs.engine import sweep as sweeping
from jobs.engine.cancel import cancel
from jobs.engine.claim import claim
from jobs.engine.commit import commit
from jobs.engine.kinds import llm
from jobs.engine.kinds.base import Claimed
from jobs.engine.reclaim import reclaim_if_expired
from jobs.engine.resolve import resolve
from jobs.engine.run import run_node
from jobs.engine.signal import signal
from jobs.engine.sweep import sweep
from jobs.engine.transaction import job_transaction
from jobs.models import Job, Node
from ledger.event_types import EventType
from ledger.models import Entry
from signals_app.models import Wait
from tests.conftest import Clock
from tests.doors import at_once
from tests.statements import statements
from tests.world import (
    APPROVER,
    Doorbells,
    Registered,
    Scripted,
    World,
    again,
    assert_whole,
    event_types,
    result_of,
    states,
    submitted,
)

pytestmark = pytest.mark.usefixtures("whole")
LEASE = 15.0
OBJECT = {"type": "object"}
UNUSABLE = Fail("RESULT_NOT_CANONICAL", "NaN", result='{"amount":"nan"}')
NO = Fail("TOOL_ERROR", "no")
CRITICAL = Fail("CRITICAL_ERROR", "stop everything", critical=True)


@pytest.fixture
def step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """An activation runs one node and leaves the next to a doorbell."""
    monkeypatch.setattr(run, "SLICE_SECONDS", 0.0)


def planned(registered: Registered, graph: TaskGraph, *handlers: Tool | Function) -> Job:
    """A job whose plan is this graph, stored; nothing of it has begun, and its doorbells are still unanswered."""
    registered.agent(lambda: graph, *handlers)
    job = submitted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "SLICE_SECONDS", 0.0)
        run_node(job.pk, "plan")
    return again(job)


def one_tool(registered: Registered, world: World, effect: Effect) -> Job:
    """A planned job of the one tool node `act`."""
    act = world.tool("act", effect)
    graph = TaskGraph()
    graph.tool("act", act, value=1)
    return planned(registered, graph, act)


def two_tools(registered: Registered, world: World, first: Effect, second: Effect) -> Job:
    """A planned job of two tool nodes side by side, `first` and `second`; `after` follows the first."""
    tools = world.tool("first", first), world.tool("second", second), world.tool("after")
    graph = TaskGraph()
    for tool in tools:
        graph.tool(tool.name, tool, value=1)
    graph.edge("first", "after")
    return planned(registered, graph, *tools)


def taken(job: Job, path: str = "act") -> Claimed:
    """A worker claims the node, and then nothing is heard of it."""
    with job_transaction(job.pk) as tx:
        claimed = claim(tx, path)
    assert claimed is not None
    return claimed


def lost(job: Job, clock: Clock, path: str = "act") -> Claimed:
    """A worker claims the node and loses its lease; nobody has taken the node since."""
    claimed = taken(job, path)
    clock.advance(LEASE + 1)
    assert reclaim_if_expired(job.pk, path)
    return claimed


def brought(job: Job, claimed: Claimed, outcome: Outcome) -> bool:
    """A worker brings back what it heard, at last; whether it still held the node."""
    with job_transaction(job.pk) as tx:
        return commit(tx, claimed, outcome)


def later(clock: Clock, doorbells: Doorbells, rounds: int = 4) -> None:
    """Workers answer, time passes, sweeps sweep."""
    for _ in range(rounds):
        doorbells.drain()
        clock.advance(60)
        sweep()


def entry_state(job: Job, node: str = "act") -> str:
    return Entry.objects.get(job=job, node=node).state


def error_code(job: Job) -> str:
    error: Any = again(job).error_value or {}
    return str(error.get("code", ""))


# A worker was lost in the middle of a call, and then the code changed.


def a_new_version(world: World) -> Tool:
    return world.tool("act", Effect.IDEMPOTENT, version="2")


def another_schema(world: World) -> Tool:
    def call(ctx: ToolContext, value: str) -> None:
        world.calls.append(Call("act", {"value": value}, ctx.idempotency_key))

    return replace(world.tool("act", Effect.IDEMPOTENT), call=call, signature=Signature(call))


def a_stricter_class(world: World) -> Tool:
    """`idempotent` was a mistake, mended without a new version."""
    return world.tool("act", Effect.ONCE)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (a_new_version, "NONDETERMINISTIC_NODE"),
        (another_schema, "ARGUMENTS_INVALID"),
        (a_stricter_class, "LEASE_LOST"),
    ],
)
def test_a_write_in_doubt_is_shown_when_its_tool_has_changed(
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
    changed: Callable[[World], Tool],
    code: str,
) -> None:
    job = one_tool(registered, world, Effect.IDEMPOTENT)
    lost(job, clock)
    with registry.tools.emptied():
        registered.put(registry.tools, "act", changed(world))
        later(clock, doorbells)
    assert (again(job).state, entry_state(job), world.called("act")) == ("parked", "unknown", 0)
    assert code in (Entry.objects.get(job=job).error or "")


def redeclared(registered: Registered, world: World, **options: Any) -> Any:
    """The tool `act` as another deploy declares it, under the same version."""
    changed = world.tool("act", **options)
    registered.put(registry.tools, "act", changed)
    return changed


@pytest.mark.parametrize(
    ("before", "after", "state", "calls"),
    [
        (Effect.READ, Effect.ONCE, "parked", 0),
        (Effect.READ, Effect.IDEMPOTENT, "parked", 3),
        (Effect.IDEMPOTENT, Effect.READ, "parked", 3),
        (Effect.IDEMPOTENT, Effect.TRANSACTIONAL, "parked", 0),
        (Effect.TRANSACTIONAL, Effect.IDEMPOTENT, "parked", 0),
        (Effect.VERIFIABLE, Effect.IDEMPOTENT, "parked", 0),
        (Effect.ONCE, Effect.READ, "parked", 0),
    ],
)
def test_an_effect_that_was_begun_as_one_class_and_goes_on_as_another_is_held_to_the_stricter(
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
    before: Effect,
    after: Effect,
    state: str,
    calls: int,
) -> None:
    """Whatever was declared in between, doubt about what may have been a write ends as UNKNOWN."""
    job = one_tool(registered, world, before)
    lost(job, clock)
    world.answers["act"] = ConnectionResetError("half an answer")
    with registry.tools.emptied():
        redeclared(registered, world, effect=after)
        later(clock, doorbells)
    assert (again(job).state, entry_state(job), world.called("act")) == (state, "unknown", calls)
    cancel(job.pk, actor="user:3/operator")
    assert (again(job).state, entry_state(job)) == ("parked", "unknown")


def test_a_key_is_trusted_no_longer_than_its_provider_said_when_it_was_sent(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """A longer window that is declared later is one for later keys."""
    act = world.tool("act", Effect.IDEMPOTENT, window=100.0)
    graph = TaskGraph()
    graph.tool("act", act, value=1)
    job = planned(registered, graph, act)
    lost(job, clock)
    clock.advance(80)
    with registry.tools.emptied():
        redeclared(registered, world, effect=Effect.IDEMPOTENT, window=86400.0)
        later(clock, doorbells)
    assert (again(job).state, entry_state(job), world.called("act")) == ("parked", "unknown", 0)


def test_a_settle_that_was_too_short_is_mended_for_what_was_sent_before(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    act = world.tool("act", Effect.ONCE, settle=1.0)
    graph = TaskGraph()
    graph.tool("act", act, value=1)
    job = planned(registered, graph, act)
    lost(job, clock)
    with registry.tools.emptied():
        redeclared(registered, world, effect=Effect.ONCE, settle=600.0)
        doorbells.drain()
    clock.advance(60)
    with pytest.raises(Refused) as refused:
        resolve(job.pk, "resolution:act:1", {"resolution": "did_not_happen"}, APPROVER)
    assert refused.value.code == "EFFECT_NOT_SETTLED"


# A worker that lost its lease brings back a failure.


@pytest.mark.parametrize(
    ("fact", "entry", "answer"), [(NO, "failed", "did_not_happen"), (UNUSABLE, "committed", "happened")]
)
def test_a_late_failure_answers_the_doubt_that_it_left(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, fact: Fail, entry: str, answer: str
) -> None:
    job = one_tool(registered, world, Effect.ONCE)
    first = lost(job, clock)
    doorbells.drain()
    assert (again(job).state, entry_state(job)) == ("parked", "unknown")

    assert not brought(job, first, fact)
    assert (again(job).state, error_code(job), entry_state(job)) == ("failed", fact.code, entry)
    assert (Wait.objects.get(job=job).state, Wait.objects.get(job=job).answer) == (
        "resolved",
        f'{{"resolution":"{answer}"}}',
    )


@pytest.mark.parametrize("fact", [NO, UNUSABLE])
def test_a_late_failure_ends_a_node_that_nobody_has_taken_since(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, fact: Fail
) -> None:
    """Nobody asks again for what is known: not as a new attempt, not as if the unusable result were a good one."""
    job = one_tool(registered, world, Effect.IDEMPOTENT)
    brought(job, lost(job, clock), fact)
    assert (again(job).state, error_code(job), result_of(job)) == ("failed", fact.code, None)
    later(clock, doorbells)
    assert world.called("act") == 0


@pytest.mark.parametrize(("fact", "state"), [(NO, "completed"), (CRITICAL, "failed")])
def test_only_a_late_critical_failure_takes_no_edge(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, fact: Fail, state: str
) -> None:
    act, rescue = world.tool("act", Effect.ONCE), world.tool("rescue")
    graph = TaskGraph()
    graph.tool("act", act)
    graph.tool("rescue", rescue)
    graph.edge("act", "rescue", on="error")
    job = planned(registered, graph, act, rescue)
    brought(job, lost(job, clock), fact)
    later(clock, doorbells)
    assert (again(job).state, world.called("act")) == (state, 0)
    assert world.called("rescue") == (1 if state == "completed" else 0)


# A recorded result that cannot be used stays one.


def test_an_unusable_result_is_the_same_failure_for_whoever_comes_next(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """The second worker, lost too, finds it instead of its own; the third finds it instead of calling."""
    job = one_tool(registered, world, Effect.IDEMPOTENT)
    first = lost(job, clock)
    taken(job)
    brought(job, first, UNUSABLE)
    assert (states(job), entry_state(job)) == ({"act": "running"}, "committed")
    later(clock, doorbells)
    assert (again(job).state, error_code(job), world.called("act")) == ("failed", "RESULT_NOT_CANONICAL", 0)


def test_a_second_worker_takes_over_the_unusable_result_of_the_first(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = one_tool(registered, world, Effect.IDEMPOTENT)
    first = lost(job, clock)
    second = taken(job)
    brought(job, first, UNUSABLE)
    assert brought(job, second, Done("1"))
    assert (again(job).state, error_code(job), result_of(job)) == ("failed", "RESULT_NOT_CANONICAL", None)


def test_a_models_unusable_answer_that_came_late_is_no_loop(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    model = Scripted(*["no JSON"] * 9)
    registered.put(registry.models, "script", model)
    graph = TaskGraph()
    graph.llm("ask", "?", model="script:one", answer=OBJECT)
    job = planned(registered, graph)
    first = lost(job, clock, "ask")
    taken(job, "ask")
    brought(job, first, llm.call(first, StopRequest()))
    later(clock, doorbells)
    assert (again(job).state, error_code(job), len(model.asked)) == ("failed", "MODEL_ANSWER_INVALID", 1)
    assert Node.objects.get(job=job, path="ask").claims == 3


# Approvals.


@pytest.mark.parametrize("kind", ["signal", "webhook", "message", "timer"])
def test_only_people_approve(kind: str) -> None:
    graph = TaskGraph()
    graph.wait("ask", kind=kind, correlation_key="ask", approves="pay")
    graph.tool("pay", "pay")
    graph.edge("ask", "pay")
    with pytest.raises(GraphError) as caught:
        graph.check()
    assert caught.value.code == "GRAPH_WAIT_INVALID"


@pytest.mark.parametrize(("refuser", "paid"), [("ask-1", 0), ("ask-2", 0), ("nobody", 1)])
def test_one_refusal_of_two_is_a_refusal(
    registered: Registered, world: World, doorbells: Doorbells, refuser: str, paid: int
) -> None:
    pay = world.tool("pay", Effect.ONCE)
    graph = TaskGraph()
    graph.tool("pay", pay, value=1)
    for key in ("ask-1", "ask-2"):
        graph.wait(key, kind="human", correlation_key=key, approves="pay")
        graph.edge(key, "pay")
    job = planned(registered, graph, pay)
    for key in ("ask-1", "ask-2"):
        signal(job.pk, key, {"approved": key != refuser}, APPROVER)
    doorbells.drain()
    assert again(job).is_final
    assert world.called("pay") == paid


def test_a_wait_for_the_approval_of_a_tool_that_is_not_here_opens_where_it_is(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    pay = world.tool("pay", Effect.ONCE)
    graph = TaskGraph()
    graph.wait("go", correlation_key="go")
    graph.wait("ask", kind="human", correlation_key="ask", approves="pay")
    graph.tool("pay", pay, value=7)
    graph.edge("go", "ask")
    graph.edge("ask", "pay")
    job = planned(registered, graph, pay)
    with registry.tools.emptied():
        assert signal(job.pk, "go", {}, APPROVER) == "applied"
        doorbells.drain()
        assert states(job)["ask"] == "ready"
    later(clock, doorbells)
    assert states(job)["ask"] == "waiting"
    signal(job.pk, "ask", {"approved": True}, APPROVER)
    doorbells.drain()
    assert (again(job).state, result_of(job)) == ("completed", 7)


# An answer is checked as it will be stored: an integer that no reader keeps exact is stored as text.

NUMBER = {"type": "object", "properties": {"number": {"type": "integer"}}}


def test_a_signal_is_checked_as_it_will_be_stored(registered: Registered, world: World, doorbells: Doorbells) -> None:
    graph = TaskGraph()
    graph.wait("ask", correlation_key="ask", answer=NUMBER)
    job = planned(registered, graph)
    with pytest.raises(Refused) as caught:
        signal(job.pk, "ask", {"number": 2**60}, APPROVER)
    assert (caught.value.code, again(job).state) == ("SIGNAL_PAYLOAD_INVALID", "parked")
    assert signal(job.pk, "ask", {"number": 2**53 - 1}, APPROVER) == "applied"


@pytest.mark.parametrize(("number", "state"), [(2**60, "failed"), (2**53 - 1, "completed")])
def test_a_models_answer_is_checked_as_it_will_be_stored(
    registered: Registered, doorbells: Doorbells, number: int, state: str
) -> None:
    registered.put(registry.models, "script", Scripted(f'{{"number": {number}}}'))
    graph = TaskGraph()
    graph.llm("ask", "?", model="script:one", answer=NUMBER)
    job = planned(registered, graph)
    doorbells.drain()
    assert (again(job).state, error_code(job)) == (state, "MODEL_ANSWER_INVALID" if state == "failed" else "")


# One job keeps nothing from the others.


@contextmanager
def held(job: Job) -> Iterator[None]:
    """Somebody else holds the job's row."""
    begun, over = threading.Event(), threading.Event()

    def hold() -> None:
        with job_transaction(job.pk):
            begun.set()
            over.wait(30)

    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(at_once, hold)
        assert begun.wait(10)
        try:
            yield
        finally:
            over.set()
            holder.result()


def test_a_job_that_somebody_holds_keeps_no_sweep_waiting(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    busy = one_tool(registered, world, Effect.READ)
    other = submitted()
    taken(busy)
    taken(other, "plan")
    clock.advance(LEASE + 1)
    with ThreadPoolExecutor(1) as pool, held(busy):
        swept = pool.submit(at_once, sweep)
        try:
            found = swept.result(timeout=5)
        except TimeoutError:
            found = []
        assert [each["reclaimed"] for each in found] == [1]
        assert Node.objects.get(job=other, path="plan").state == "ready"
    assert states(busy) == {"act": "running"}
    assert sweep()["reclaimed"] == 1


def test_a_job_that_cannot_be_swept_keeps_nothing_from_the_others(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = one_tool(registered, world, Effect.READ)
    other = submitted()
    taken(bad)
    taken(other, "plan")
    clock.advance(LEASE + 1)

    def reclaim(job_id: Any, path: str) -> bool:
        if job_id == bad.pk:
            raise OperationalError("deadlock detected")
        return reclaim_if_expired(job_id, path)

    monkeypatch.setattr(sweeping, "reclaim_if_expired", reclaim)
    assert sweep()["reclaimed"] == 1
    assert (states(bad), Node.objects.get(job=other, path="plan").state) == ({"act": "running"}, "ready")


def test_a_worker_goes_on_with_no_node_of_another_queue(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    light, heavy = world.tool("light"), world.tool("heavy", queue="heavy")
    graph = TaskGraph()
    graph.tool("light", light)
    graph.tool("heavy", heavy)
    graph.edge("light", "heavy")
    registered.agent(lambda: graph, light, heavy)
    job = submitted()
    doorbells.rung.clear()
    run_node(job.pk, "plan")
    assert (world.called("light"), world.called("heavy")) == (1, 0)
    assert doorbells.rung == [(job.pk, "heavy", "heavy")]
    doorbells.drain()
    assert again(job).state == "completed"


# A wide graph costs no more statements than a narrow one.


def cost(call: Callable[[], Any]) -> int:
    """How many statements a call sends."""
    with statements() as sent:
        call()
    return len(sent)


def fan_out(registered: Registered, world: World, width: int) -> Job:
    """A planned job whose node `start` leads to as many nodes as that."""
    start, branch = world.tool("start"), world.tool("branch")
    graph = TaskGraph()
    graph.tool("start", start)
    for number in range(width):
        graph.tool(f"branch-{number}", branch)
        graph.edge("start", f"branch-{number}")
    return planned(registered, graph, start, branch)


@pytest.mark.parametrize("cancelled_first", [False, True])
def test_a_wide_graph_is_begun_and_cancelled_in_as_many_statements_as_a_narrow_one(
    registered: Registered, world: World, doorbells: Doorbells, step_by_step: None, cancelled_first: bool
) -> None:
    sent = []
    for width in (200, 900):
        registered.forget()
        job = fan_out(registered, world, width)

        def begin(job: Job = job) -> None:
            run_node(job.pk, "start")

        def end(job: Job = job) -> None:
            cancel(job.pk, actor="user:3/operator")

        sent.append([cost(each) for each in ((end,) if cancelled_first else (begin, end))])
        assert again(job).state == "cancelled"
    assert sent[0] == sent[1]


# The database is away while a result is to be recorded.


def two_in_a_row(registered: Registered, world: World) -> Job:
    """A planned job: `act`, then `after`, both of them `once`."""
    act, after = world.tool("act", Effect.ONCE), world.tool("after", Effect.ONCE)
    graph = TaskGraph()
    graph.tool("act", act, value=1)
    graph.tool("after", after, value=2)
    graph.edge("act", "after")
    return planned(registered, graph, act, after)


def assert_each_happened_once(job: Job, world: World) -> None:
    assert (again(job).state, world.called("act"), world.called("after")) == ("completed", 1, 1)
    assert list(Entry.objects.filter(job=job).values_list("state", "sends", "attempt")) == [("committed", 1, 1)] * 2
    types = event_types(job)
    assert [types.count(each) for each in ("tool_invocation_finished", "node_finished")] == [2, 2]


@contextmanager
def others_come_first(job: Job, world: World) -> Iterator[None]:
    """Whenever its worker is about to commit `act`, somebody else has just changed the job, until it takes the lock."""

    def overtake(execute: Any, sql: str, *rest: Any) -> Any:
        if "aetheris_write" in sql and world.called("act") and not world.called("after"):
            with job_transaction(job.pk, verb="test") as tx:
                tx.event(EventType.NODE_RETRYING, {"node_id": "act"})
        return execute(sql, *rest)

    with connection.execute_wrapper(overtake):
        yield


@pytest.mark.parametrize(
    ("statement", "alone"), [("aetheris_write", True), ("FOR ", False), ("UPDATE", False), ("INSERT", False)]
)
def test_a_result_in_hand_is_recorded_when_the_database_answers_again(
    registered: Registered, world: World, doorbells: Doorbells, statement: str, alone: bool
) -> None:
    """The connection is lost when the job is locked, or in the middle of the commit: twice if that is one statement."""
    job = two_in_a_row(registered, world)
    failures = [OperationalError("server closed the connection unexpectedly")] * (2 if alone else 1)

    def fail_twice(execute: Any, sql: str, *rest: Any) -> Any:
        if failures and commit_of_this_verb() == "commit.commit" and world.called("act") and statement in sql:
            raise failures.pop()
        return execute(sql, *rest)

    others = nullcontext() if alone else others_come_first(job, world)
    with others, connection.execute_wrapper(fail_twice):
        run_node(job.pk, "act")
    assert failures == []
    assert_each_happened_once(job, world)


@pytest.mark.parametrize("after_the_call", ["act", "after"])
def test_a_commit_whose_answer_is_lost_is_read_back(
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    after_the_call: str,
) -> None:
    """It has happened: nothing is written or sent twice, and the successor that was claimed with it goes on."""
    job = two_in_a_row(registered, world)
    answers_lost = 0

    def hear_nothing(execute: Any, sql: str, *rest: Any) -> Any:
        nonlocal answers_lost
        answer = execute(sql, *rest)
        if world.called(after_the_call) and "aetheris_write" in sql and not answers_lost:
            answers_lost += 1
            raise OperationalError("server closed the connection unexpectedly")
        return answer

    with connection.execute_wrapper(hear_nothing):
        run_node(job.pk, "act")
    assert answers_lost == 1
    assert_each_happened_once(job, world)
    assert {node.claims for node in Node.objects.of_job(job.pk)} == {1}


def test_a_commit_under_the_lock_whose_answer_is_lost_is_read_back(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = two_in_a_row(registered, world)
    database, real = connections["default"], vars(BaseDatabaseWrapper)["_commit"]
    answers_lost = 0

    def commit_and_hear_nothing(self: BaseDatabaseWrapper) -> None:
        nonlocal answers_lost
        real(self)
        if self is database and commit_of_this_verb() == "commit.commit" and not answers_lost:
            answers_lost += 1
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", commit_and_hear_nothing)
    with others_come_first(job, world):
        run_node(job.pk, "act")
    assert answers_lost == 1
    assert_each_happened_once(job, world)
    assert {node.claims for node in Node.objects.of_job(job.pk)} == {1}


# What the books tell, replayed at every stage, is what the rows say: no false alarm.


def failing(registered: Registered, world: World, clock: Clock) -> tuple[Job, str]:
    """One node has failed, one's effect is in doubt, one is cancelled: the job has failed, and is not final."""
    job = two_tools(registered, world, Effect.ONCE, Effect.READ)
    world.answers |= {"first": ConnectionResetError("half an answer"), "second": ToolError("no")}
    run_node(job.pk, "first")
    run_node(job.pk, "second")
    return job, "parked"


def failed_with_a_retry_due(registered: Registered, world: World, clock: Clock) -> tuple[Job, str]:
    job = two_tools(registered, world, Effect.READ, Effect.READ)
    world.answers |= {"first": ConnectionResetError("half an answer"), "second": ToolError("no")}
    run_node(job.pk, "first")
    run_node(job.pk, "second")
    return job, "failed"


def retrying(registered: Registered, world: World, clock: Clock) -> tuple[Job, str]:
    job = one_tool(registered, world, Effect.READ)
    world.answers["act"] = ConnectionResetError("half an answer")
    run_node(job.pk, "act")
    return job, "retrying"


def running(registered: Registered, world: World, clock: Clock) -> tuple[Job, str]:
    job = one_tool(registered, world, Effect.ONCE)
    taken(job)
    return job, "running"


def reclaimed(registered: Registered, world: World, clock: Clock) -> tuple[Job, str]:
    job = one_tool(registered, world, Effect.IDEMPOTENT)
    lost(job, clock)
    return job, "pending"


def late_fact(registered: Registered, world: World, clock: Clock) -> tuple[Job, str]:
    """Recorded before anybody has claimed the node again."""
    job = one_tool(registered, world, Effect.IDEMPOTENT)
    brought(job, lost(job, clock), Done('"late"'))
    return job, "pending"


def late_fact_of_a_failed_job(registered: Registered, world: World, clock: Clock) -> tuple[Job, str]:
    job = two_tools(registered, world, Effect.READ, Effect.READ)
    first = taken(job, "first")
    world.answers["second"] = ToolError("no")
    run_node(job.pk, "second")
    clock.advance(LEASE + 1)
    sweep()
    brought(job, first, Done('"late"'))
    return job, "failed"


def unknown(registered: Registered, world: World, clock: Clock) -> tuple[Job, str]:
    job = one_tool(registered, world, Effect.ONCE)
    lost(job, clock)
    run_node(job.pk, "act")
    return job, "parked"


def cancelled(registered: Registered, world: World, clock: Clock) -> tuple[Job, str]:
    job = two_tools(registered, world, Effect.READ, Effect.READ)
    world.answers["first"] = ConnectionResetError("half an answer")
    run_node(job.pk, "first")
    cancel(job.pk, actor="user:3/operator")
    return job, "cancelled"


def cancelled_in_doubt(registered: Registered, world: World, clock: Clock) -> tuple[Job, str]:
    job = two_tools(registered, world, Effect.ONCE, Effect.READ)
    lost(job, clock, "first")
    cancel(job.pk, actor="user:3/operator")
    return job, "parked"


def cancelled_with_a_lost_reader(registered: Registered, world: World, clock: Clock) -> tuple[Job, str]:
    job = two_tools(registered, world, Effect.ONCE, Effect.READ)
    world.answers["first"] = ConnectionResetError("half an answer")
    taken(job, "second")
    run_node(job.pk, "first")
    cancel(job.pk, actor="user:3/operator")
    clock.advance(LEASE + 1)
    assert reclaim_if_expired(job.pk, "second")
    return job, "parked"


@pytest.mark.parametrize(
    "scene",
    [
        failing,
        failed_with_a_retry_due,
        retrying,
        running,
        reclaimed,
        late_fact,
        late_fact_of_a_failed_job,
        unknown,
        cancelled,
        cancelled_in_doubt,
        cancelled_with_a_lost_reader,
    ],
)
def test_a_replay_raises_no_false_alarm(
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
    scene: Callable[[Registered, World, Clock], tuple[Job, str]],
) -> None:
    job, state = scene(registered, world, clock)
    assert again(job).state == state
    assert_whole(job)
    later(clock, doorbells)
    assert_whole(job)
