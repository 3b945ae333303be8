"""Steps: several effects in one node, each recorded, none repeated, whatever becomes of the worker."""

import contextlib
import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from aetheris.core import registry
from aetheris.core.context import ToolContext
from aetheris.core.errors import CriticalError, NotApplied, ToolError
from aetheris.core.findings import Finding, Happened
from aetheris.core.handlers import Effect, Hooks
from aetheris.core.steps import StepContext, Suspended
from jobs.engine.activation import Activation
from jobs.engine.cancel import cancel
from jobs.engine.resolve import resolve
from jobs.engine.sweep import sweep
from jobs.models import Job
from ledger.models import Entry, Event
from tests.conftest import Clock
from tests.jobs.engine.one_step import one_step
from tests.jobs.engine.one_tool import LEASE, question
from tests.statements import statements
from tests.world import (
    APPROVER,
    Doorbells,
    Registered,
    Scripted,
    World,
    again,
    event_types,
    result_of,
    states,
    submitted,
)

pytestmark = pytest.mark.usefixtures("whole")


class Killed(BaseException):
    """The worker dies here: nothing that it would have done after this is done."""


def dies_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What a step's code calls where its worker dies: the run is cut off there, and nothing of it is committed."""
    from jobs.engine import perform

    performed, died = perform.perform, threading.Event()

    def performing(claimed: Any) -> Any:
        outcome = performed(claimed)
        if died.is_set() and getattr(outcome, "code", "") == "HANDLER_BROKE_OUT":
            died.clear()
            raise Killed
        return outcome

    monkeypatch.setattr(perform, "perform", performing)
    left = [True]

    def die() -> None:
        if left:
            left.pop()
            died.set()
            raise Killed

    return die


def come_back(doorbells: Doorbells, clock: Clock) -> None:
    """The lease runs out and another worker takes the node."""
    clock.advance(LEASE + 1)
    sweep()
    doorbells.drain()


def test_every_effect_is_recorded_and_a_second_run_is_given_what_the_first_had(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, pay = world.tool("look"), world.tool("pay", Effect.ONCE)
    model = Scripted('{"yes": true}')
    registered.put(registry.models, "script", model)
    die = dies_once(monkeypatch)
    runs: list[dict[str, Any]] = []

    def code(ctx: StepContext) -> dict[str, Any]:
        seen = {
            "at": ctx.now().isoformat(),
            "drawn": ctx.random(),
            "id": str(ctx.uuid()),
            "looked": ctx.call(look, value=7),
            "said": ctx.llm("Well?", answer={"type": "object"}, model="script:1"),
            "paid": ctx.call(pay, value="7.50"),
        }
        runs.append(seen)
        die()
        return seen

    job = one_step(registered, code, look, pay)
    with pytest.raises(Killed):
        doorbells.drain()
    come_back(doorbells, clock)
    assert runs == [result_of(job)] * 2
    assert (world.called("look"), len(model.asked), world.called("pay")) == (1, 1, 1)
    entries = {entry.step_id: entry for entry in Entry.objects.filter(job=job)}
    assert {entry.state for entry in entries.values()} == {"committed"}
    assert sorted(entries) == [f"work#{turn}" for turn in range(1, 7)]
    assert len({entry.idempotency_key for entry in entries.values()}) == 6, "no two effects share a key"


def test_a_step_asks_the_clock_of_the_database(registered: Registered, doorbells: Doorbells, clock: Clock) -> None:
    """Two steps of one job may run on two hosts; what the first one calls now must not be the second one's future."""
    clock.advance("3d")
    job = one_step(registered, lambda ctx: ctx.now().isoformat())
    doorbells.drain()
    assert abs(datetime.fromisoformat(result_of(job)) - Job.objects.now()) < timedelta(minutes=1)


def test_values_are_durable_before_the_next_write_is_sent(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    def send(ctx: ToolContext) -> str:
        found = Entry.objects.get(step_id="work#1")
        assert found.result is not None
        return str(json.loads(found.result))

    pay = world.tool("pay", Effect.ONCE)
    world.answers["pay"] = send
    job = one_step(registered, lambda ctx: [str(ctx.uuid()), ctx.call(pay)], pay)
    doorbells.drain()
    first, second = result_of(job)
    assert first == second


@pytest.mark.parametrize(
    ("effect", "calls", "state"),
    [(Effect.READ, 2, "completed"), (Effect.IDEMPOTENT, 2, "completed"), (Effect.ONCE, 1, "parked")],
)
def test_a_worker_lost_in_the_middle_of_a_call(
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    effect: Effect,
    calls: int,
    state: str,
) -> None:
    """What was committed before stays; the call itself follows its class; the key stays the same."""
    first, second = world.tool("first", Effect.ONCE), world.tool("second", effect)
    die = dies_once(monkeypatch)
    world.answers["second"] = lambda ctx: die()

    def code(ctx: StepContext) -> str:
        ctx.call(first)
        ctx.call(second)
        return "done"

    from jobs.engine import gateway

    def not_caught(error: BaseException) -> str:
        raise error

    monkeypatch.setattr(gateway, "_told", lambda error, context: not_caught(error))
    job = one_step(registered, code, first, second)
    with pytest.raises(Killed):
        doorbells.drain()
    come_back(doorbells, clock)
    assert (again(job).state, world.called("first"), world.called("second")) == (state, 1, calls)
    assert len({key for name, _, key in world.calls if name == "second"}) == 1


def test_a_person_says_that_it_happened_and_the_step_goes_on(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    pay, tell = world.tool("pay", Effect.ONCE), world.tool("tell", Effect.ONCE)
    world.answers["pay"] = ConnectionResetError("half an answer")

    def code(ctx: StepContext) -> list[Any]:
        return [ctx.call(pay), ctx.call(tell, value="told")]

    job = one_step(registered, code, pay, tell)
    doorbells.drain()
    assert (again(job).state, world.called("tell")) == ("parked", 0)
    assert question(job) == "resolution:work#1:1"
    resolve(job.pk, question(job), {"resolution": "happened", "result": "seen"}, APPROVER)
    doorbells.drain()
    assert (result_of(job), world.called("pay"), world.called("tell")) == (["seen", "told"], 1, 1)


def test_a_verifiable_effect_of_a_step_is_asked_about(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    asked: list[Any] = []

    def find(ctx: ToolContext, value: Any = None) -> Finding:
        asked.append((ctx.idempotency_key, value))
        return Happened("found")

    pay = world.tool("pay", Effect.VERIFIABLE, hooks=Hooks(reconcile=find))
    world.answers["pay"] = ConnectionResetError("half an answer")
    job = one_step(registered, lambda ctx: ctx.call(pay, value=5), pay)
    doorbells.drain()
    clock.advance(60)
    sweep()
    doorbells.drain()
    assert (result_of(job), world.called("pay")) == ("found", 1)
    assert asked == [(world.calls[0][2], 5)]


def test_a_tool_error_is_given_to_the_code_and_given_again_to_a_second_run(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pay = world.tool("pay", Effect.ONCE)
    world.answers["pay"] = ToolError("no money", code="NO_MONEY")
    die = dies_once(monkeypatch)

    def code(ctx: StepContext) -> str:
        try:
            ctx.call(pay)
        except ToolError as error:
            die()
            return error.code
        return "paid"

    job = one_step(registered, code, pay)
    with pytest.raises(Killed):
        doorbells.drain()
    world.answers["pay"] = "now it would"
    come_back(doorbells, clock)
    assert (result_of(job), world.called("pay")) == ("NO_MONEY", 1)


def test_not_applied_runs_the_step_again_and_opens_a_new_attempt(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    first, pay = world.tool("first", Effect.ONCE), world.tool("pay", Effect.ONCE)
    answers: list[Any] = [NotApplied("busy"), "paid"]
    world.answers["pay"] = lambda ctx: answers.pop(0)
    job = one_step(registered, lambda ctx: [ctx.call(first), ctx.call(pay)], first, pay)
    doorbells.drain()
    assert again(job).state == "retrying"
    clock.advance(60)
    sweep()
    doorbells.drain()
    assert (result_of(job), world.called("first")) == ([None, "paid"], 1)
    assert [key[-1] for name, _, key in world.calls if name == "pay"] == ["1", "2"]


def test_another_call_at_the_same_place_sends_nothing(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = world.tool("one", Effect.ONCE), world.tool("other", Effect.ONCE)
    die = dies_once(monkeypatch)
    turns = [0]

    def code(ctx: StepContext) -> None:
        turns[0] += 1
        ctx.call(one if turns[0] == 1 else other)
        die()

    job = one_step(registered, code, one, other)
    with pytest.raises(Killed):
        doorbells.drain()
    come_back(doorbells, clock)
    assert (again(job).state, world.called("one"), world.called("other")) == ("failed", 1, 0)
    assert "NONDETERMINISTIC_NODE" in str(again(job).error)


def test_the_same_tool_with_other_arguments_sends_nothing(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pay = world.tool("pay", Effect.IDEMPOTENT)
    die = dies_once(monkeypatch)
    turns = [0]

    def code(ctx: StepContext) -> None:
        turns[0] += 1
        ctx.call(pay, value=turns[0])
        die()

    job = one_step(registered, code, pay)
    with pytest.raises(Killed):
        doorbells.drain()
    come_back(doorbells, clock)
    assert ("NONDETERMINISTIC_NODE" in str(again(job).error), world.called("pay")) == (True, 1)


def test_effects_of_several_threads_need_names(registered: Registered, world: World, doorbells: Doorbells) -> None:
    look = world.tool("look")

    def named(ctx: StepContext) -> list[Any]:
        with ThreadPoolExecutor(3) as pool:
            return list(pool.map(lambda each: ctx.named(f"part-{each}").call(look, value=each), range(3)))

    job = one_step(registered, named, look)
    doorbells.drain()
    assert result_of(job) == [0, 1, 2]
    assert {entry.step_id for entry in Entry.objects.filter(job=job)} == {f"work#part-{each}" for each in range(3)}


def test_effects_of_several_threads_without_names_are_refused(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    look = world.tool("look")

    def unnamed(ctx: StepContext) -> list[Any]:
        with ThreadPoolExecutor(1) as pool:
            return list(pool.map(lambda each: ctx.call(look, value=each), range(2)))

    job = one_step(registered, unnamed, look)
    doorbells.drain()
    assert ("EFFECT_MISNAMED" in str(again(job).error), world.called("look")) == (True, 0)


def test_code_that_catches_everything_cannot_go_on_past_doubt(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    pay, tell = world.tool("pay", Effect.ONCE), world.tool("tell", Effect.ONCE)
    world.answers["pay"] = ConnectionResetError("half an answer")
    caught: list[str] = []

    def code(ctx: StepContext) -> str:
        try:
            ctx.call(pay)
        except Suspended:
            caught.append("suspended")
        try:
            ctx.call(tell)
        except Suspended:
            caught.append("suspended")
        return "all is well"

    job = one_step(registered, code, pay, tell)
    doorbells.drain()
    assert (again(job).state, world.called("tell"), caught) == ("parked", 0, ["suspended"] * 2)


@pytest.mark.parametrize(
    ("error", "code"),
    [(ToolError("no"), "TOOL_ERROR"), (CriticalError("no"), "CRITICAL_ERROR"), (KeyError("x"), "STEP_FAILED")],
)
def test_what_the_code_raises_itself_fails_the_node(
    registered: Registered, world: World, doorbells: Doorbells, error: Exception, code: str
) -> None:
    def raising(ctx: StepContext) -> None:
        raise error

    job = one_step(registered, raising)
    doorbells.drain()
    assert (again(job).state, code in str(again(job).error)) == ("failed", True)


def test_a_tool_that_the_agent_does_not_list_cannot_be_called(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    other = world.tool("other")
    job = one_step(registered, lambda ctx: ctx.call(other))
    doorbells.drain()
    assert ("TOOL_NOT_FOUND" in str(again(job).error), world.called("other")) == (True, 0)


def test_a_job_that_is_cancelled_meanwhile_opens_no_further_effect(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    first, second = world.tool("first", Effect.ONCE), world.tool("second", Effect.ONCE)
    job = one_step(registered, lambda ctx: [ctx.call(first), ctx.call(second)], first, second)
    world.answers["first"] = lambda ctx: cancelled_elsewhere(job)
    doorbells.drain()
    assert (again(job).state, world.called("first"), world.called("second")) == ("cancelled", 1, 0)
    assert Entry.objects.get(job=job).state == "committed"


def cancelled_elsewhere(job: Job) -> None:
    def run() -> None:
        try:
            cancel(job.pk, actor="user:1/requester", reason="")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result(timeout=30)


def test_an_address_is_fetched_once_and_recorded(registered: Registered, world: World, doorbells: Doorbells) -> None:
    from tests.jobs.engine.test_contract import Listener

    listener = Listener()
    job = one_step(registered, lambda ctx: ctx.fetch(listener.url).text)
    doorbells.drain()
    listener.close()
    assert (result_of(job), listener.seen) == ("ok", ["GET /pay HTTP/1.1"])
    assert Entry.objects.get(job=job).kind == "http"


def test_the_code_itself_reaches_nothing(registered: Registered, world: World, doorbells: Doorbells) -> None:
    import socket

    job = one_step(registered, lambda ctx: socket.getaddrinfo("localhost", 80))
    doorbells.drain()
    assert "STEP_CONTRACT_VIOLATED" in str(again(job).error)


def forgetful(verb: str, monkeypatch: pytest.MonkeyPatch, before: Callable[[], None] = lambda: None) -> None:
    """The first answer to this verb is lost, though it has landed; what happens `before` the second try."""
    from jobs.engine import effects

    original, left = getattr(effects, verb), [True]

    def loses(hand: Activation, *arguments: Any) -> Any:
        answer = original(hand, *arguments)
        if left:
            left.pop()
            before()
            hand.forget()
            raise OperationalError("the connection was lost")
        return answer

    monkeypatch.setattr(effects, verb, loses)


def test_an_effect_whose_opening_was_answered_too_late_is_not_sent(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was away for a minute while it was opened: what may still be sent is what its row says."""
    pay = world.tool("pay", Effect.ONCE)
    forgetful("open_effect", monkeypatch, before=lambda: clock.advance(60))
    job = one_step(registered, lambda ctx: ctx.call(pay), pay)
    doorbells.drain()
    assert (again(job).state, world.called("pay")) == ("retrying", 0)
    entry = Entry.objects.get(job=job)
    assert (entry.state, "TOO_LATE_TO_SEND" in str(entry.error)) == ("failed", True)
    assert event_types(job).count("tool_invocation_started") == 1


@pytest.mark.parametrize(("error", "state"), [(NotApplied("busy"), "retrying"), (CriticalError("stop"), "failed")])
@pytest.mark.parametrize("how", ["the answer is lost", "the worker is lost"])
def test_a_failure_stays_what_it_was(
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    state: str,
    how: str,
) -> None:
    """Code that catches a tool's errors does not see these, and does nothing instead; also not after a crash."""
    pay, instead = world.tool("pay", Effect.ONCE), world.tool("instead", Effect.ONCE)
    world.answers["pay"] = error
    die = dies_once(monkeypatch) if how == "the worker is lost" else lambda: None

    def code(ctx: StepContext) -> Any:
        try:
            return ctx.call(pay)
        except ToolError:
            return ctx.call(instead)
        except Suspended:
            die()
            raise

    job = one_step(registered, code, pay, instead)
    if how == "the answer is lost":
        forgetful("settle_effect", monkeypatch)
        doorbells.drain()
    else:
        with pytest.raises(Killed):
            doorbells.drain()
        come_back(doorbells, clock)
    assert (again(job).state, world.called("instead")) == (state, 0)


def test_a_fact_that_cannot_be_recorded_is_no_failure_that_code_could_catch(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database stays away after the call: the code does nothing else instead, and the effect is shown."""
    from jobs.engine import effects, patience

    pay, instead = world.tool("pay", Effect.ONCE), world.tool("instead", Effect.ONCE)

    def code(ctx: StepContext) -> Any:
        try:
            return ctx.call(pay)
        except Exception:
            return ctx.call(instead)

    def away(*arguments: Any) -> None:
        raise OperationalError("the connection was lost")

    monkeypatch.setattr(patience, "PATIENCE_SECONDS", -1.0)
    monkeypatch.setattr(effects, "settle_effect", away)
    job = one_step(registered, code, pay, instead)
    doorbells.drain()
    assert (again(job).state, world.called("pay"), world.called("instead")) == ("retrying", 1, 0)
    assert Entry.objects.get(job=job).state == "started"


@pytest.mark.parametrize("at_once", [True, False])
def test_two_calls_under_one_name_are_refused(
    registered: Registered, world: World, doorbells: Doorbells, at_once: bool
) -> None:
    """They would be one effect: the second would be the first one's result, or at once be sent twice."""
    pay = world.tool("pay", Effect.ONCE)
    both = threading.Barrier(2, timeout=5)

    def code(ctx: StepContext) -> None:
        if not at_once:
            ctx.named("pay").call(pay)
            ctx.named("pay").call(pay)
            return

        def call(_: int) -> None:
            both.wait()
            ctx.named("pay").call(pay)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(call, range(2)))

    job = one_step(registered, code, pay)
    doorbells.drain()
    assert ("EFFECT_MISNAMED" in str(again(job).error), world.called("pay")) == (True, 1)


def test_a_value_where_a_call_was_before_is_another_step(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be recorded nowhere, and be another one in each run."""
    pay = world.tool("pay", Effect.ONCE)
    world.answers["pay"] = ToolError("no money")
    die = dies_once(monkeypatch)
    turns = [0]

    def code(ctx: StepContext) -> Any:
        turns[0] += 1
        if turns[0] == 1:
            with contextlib.suppress(ToolError):
                ctx.call(pay)
        drawn = ctx.random()
        die()
        return drawn

    job = one_step(registered, code, pay)
    with pytest.raises(Killed):
        doorbells.drain()
    come_back(doorbells, clock)
    assert "NONDETERMINISTIC_NODE" in str(again(job).error)


@pytest.mark.parametrize("landed", [True, False])
def test_a_lost_answer_to_an_effects_commit_sends_nothing_twice(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch, landed: bool
) -> None:
    """Of the opening and of the settling: whether the commit has landed or not, there is one call and one entry."""
    pay = world.tool("pay", Effect.ONCE)
    job = one_step(registered, lambda ctx: ctx.call(pay, value="paid"), pay)
    from jobs.engine import effects

    for verb in ("open_effect", "settle_effect"):
        original, left = getattr(effects, verb), [True]

        def loses(hand: Activation, *arguments: Any, original: Any = original, left: list[bool] = left) -> Any:
            if not left:
                return original(hand, *arguments)
            left.pop()
            if landed:
                original(hand, *arguments)
            hand.forget()
            raise OperationalError("the connection was lost")

        monkeypatch.setattr(effects, verb, loses)
    doorbells.drain()
    entry = Entry.objects.get(job=job)
    assert (result_of(job), world.called("pay"), entry.state, entry.sends) == ("paid", 1, "committed", 1)


def test_replay_calls_nothing_of_a_step(registered: Registered, world: World, doorbells: Doorbells) -> None:
    from jobs.engine.replay import replay

    look = world.tool("look")
    job = one_step(registered, lambda ctx: [ctx.random(), ctx.call(look, value=3)], look)
    doorbells.drain()
    events = list(Event.objects.stream(job.pk))
    with transaction.atomic():
        view = replay(events, Event.objects.told(job.pk, events))
    assert view.result == result_of(job)
    assert world.called("look") == 1
    assert "value_recorded" in event_types(job)
    assert states(job) == {"work": "completed"}
    assert re.fullmatch(r"aetheris:[0-9a-f-]{36}:work#2:1", world.calls[0][2])


def test_a_no_of_a_worker_that_lost_its_lease_is_given_to_the_next_run(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """The node was taken from it and nobody has it yet: the fact is recorded, and whoever comes reads it."""
    pay = world.tool("pay", Effect.IDEMPOTENT)

    def refused(ctx: ToolContext) -> None:
        clock.advance(LEASE + 1)
        sweep()
        raise ToolError("no such account")

    world.answers["pay"] = refused

    def code(ctx: StepContext) -> str:
        try:
            return str(ctx.call(pay))
        except ToolError as error:
            return error.message

    job = one_step(registered, code, pay)
    doorbells.drain()
    assert (again(job).state, result_of(job), world.called("pay")) == ("completed", "no such account", 1)


def test_a_call_costs_two_statements(registered: Registered, world: World, doorbells: Doorbells) -> None:
    """One that opens it and one that settles it; each commits by itself. A machine that hangs may cost one more."""
    pay, calls = world.tool("pay", Effect.ONCE), 2

    def code(ctx: StepContext) -> Any:
        return [ctx.call(pay) for _ in range(calls)]

    one_step(registered, code, pay)
    with statements() as sent:
        doorbells.drain()
        for_two = len(sent)
        calls = 12
        submitted()
        doorbells.drain()
    assert world.called("pay") == 14
    assert 20 <= len(sent) - 2 * for_two < 30
