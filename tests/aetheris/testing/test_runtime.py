"""The runtime in a test's process: time, people, order and repetition, and what it does not let pass."""

from collections import Counter
from random import Random

import pytest
from django.db import connection

from aetheris.core import clocks
from aetheris.core.context import ToolContext
from aetheris.core.errors import Refused
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.testing import FakeWorld
from aetheris.testing.doorbells import Doorbells
from aetheris.testing.job_in_test import JobInTest
from aetheris.testing.registering import Registered
from aetheris.testing.runtime import Runtime
from aetheris.testing.sink_process import SinkProcess
from aetheris.testing.virtual_clock import VirtualClock
from aetheris.testing.wholeness import assert_all_whole
from jobs.models import Job, Node
from tests.world import submitted


def one_call(registered: Registered, world: FakeWorld, effect: Effect = Effect.READ) -> None:
    tool = world.tool("act", effect)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("act", tool, value="done")
        return graph

    registered.agent(plan, tool)


def test_submit_runs_the_job_and_tells_all_of_it(registered: Registered, runtime: Runtime, world: FakeWorld) -> None:
    one_call(registered, world)
    job = runtime.submit("test-agent", "please", by="anna")
    assert (job.state, job.outcome, job.result, job.error) == ("completed", "completed", "done", None)
    assert (job.nodes, job.waits) == ({"act": "completed"}, [])
    assert [(entry.tool, entry.state, entry.sends) for entry in job.effects] == [("act", "committed", 1)]
    assert (job.events[0].type, job.events[0].actor) == ("job_created", "user:anna/anna")


def test_retries_come_when_they_are_due_and_not_before(
    registered: Registered, runtime: Runtime, world: FakeWorld
) -> None:
    one_call(registered, world)
    world.answers["act"] = TimeoutError()
    job = runtime.submit("test-agent")
    assert (job.state, world.called("act")) == ("retrying", 1)
    runtime.advance(0.2)
    assert world.called("act") == 1
    runtime.advance("10s")
    assert (job.state, world.called("act")) == ("failed", 3)


def test_a_timer_of_days_takes_no_time(registered: Registered, runtime: Runtime) -> None:
    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.sleep("one", "3d")
        graph.sleep("two", "2d")
        graph.edge("one", "two")
        return graph

    registered.agent(plan)
    job = runtime.submit("test-agent")
    runtime.advance("4d")
    assert job.nodes == {"one": "completed", "two": "waiting"}
    runtime.advance("1d")
    assert job.state == "completed"


def test_people_speak_for_themselves(registered: Registered, runtime: Runtime, world: FakeWorld) -> None:
    one_call(registered, world, Effect.ONCE)
    world.answers["act"] = TimeoutError()
    job = runtime.submit("test-agent", by="anna")
    assert (job.state, job.effects[0].state) == ("parked", "unknown")
    with pytest.raises(Refused, match="may not decide"):
        job.resolve("happened", result="it did", by="anna")
    with pytest.raises(Refused) as too_early:
        job.resolve("send_again")
    assert too_early.value.code == "EFFECT_NOT_SETTLED"
    runtime.advance("11m")
    assert job.resolve("send_again", by="bert") == "proposed"
    world.answers["act"] = "at last"
    assert job.resolve("send_again", by="carla") == "applied"
    assert (job.state, job.result, world.called("act")) == ("completed", "at last", 2)


def test_signals_messages_and_cancel(registered: Registered, runtime: Runtime) -> None:
    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("paid", correlation_key="paid")
        graph.wait("word", kind="message", correlation_key="word", channel="talk")
        graph.wait("never", correlation_key="never")
        graph.edge("paid", "word")
        graph.edge("word", "never")
        return graph

    registered.agent(plan)
    job = runtime.submit("test-agent")
    assert job.signal("paid", {"amount": 1}) == "applied"
    assert job.message({"text": "hello"}, channel="talk") == "applied"
    assert job.nodes == {"paid": "completed", "word": "completed", "never": "waiting"}
    with pytest.raises(AssertionError, match=r"waits for never \(signal\)"):
        job.approve()
    job.cancel()
    assert job.state == "cancelled"


def test_what_begins_in_quiet_runs_side_by_side(registered: Registered, runtime: Runtime, world: FakeWorld) -> None:
    one_call(registered, world)
    with runtime.quiet():
        jobs = [runtime.submit("test-agent") for _ in range(3)]
        assert [job.state for job in jobs] == ["pending"] * 3
    runtime.drain()
    assert [job.state for job in jobs] == ["completed"] * 3


def test_a_tool_may_ask_the_runtime_while_it_runs(registered: Registered, runtime: Runtime, world: FakeWorld) -> None:
    one_call(registered, world)

    def cancel(ctx: object) -> str:
        JobInTest(Job.objects.get().pk, runtime.drain).cancel()
        return "too late"

    world.answers["act"] = cancel
    assert runtime.submit("test-agent").state == "cancelled"


def test_a_call_that_is_held_up_sends_nothing_any_more(
    registered: Registered, runtime: Runtime, world: FakeWorld, sink: SinkProcess
) -> None:
    one_call(registered, world, Effect.ONCE)

    def late(ctx: ToolContext) -> str:
        runtime.clock.hold_up("40s")
        return ctx.http.post(f"{sink.url}/keyed", json={}).text

    world.answers["act"] = late
    job = runtime.submit("test-agent")
    assert (job.state, job.effects[0].state, sink.lines()) == ("retrying", "failed", [])
    assert "TOO_LATE_TO_SEND" in str(job.effects[0].error)


def test_a_node_that_nobody_can_run_fails_the_test(registered: Registered, runtime: Runtime, world: FakeWorld) -> None:
    one_call(registered, world)
    with runtime.quiet():
        runtime.submit("test-agent")
    registered.forget()
    with pytest.raises(AssertionError, match="plan of a job of test-agent stays ready"):
        runtime.drain()


def test_a_job_that_is_not_whole_fails_the_test(registered: Registered, runtime: Runtime, world: FakeWorld) -> None:
    one_call(registered, world)
    job = runtime.submit("test-agent")
    assert_all_whole()
    Node.objects.filter(job_id=job.id, path="act").update(output='"something else"')
    with pytest.raises(AssertionError, match=r"is not whole.*act\.output"):
        assert_all_whole()
    Node.objects.filter(job_id=job.id, path="act").update(output='"done"')


def order_of(world: FakeWorld, bells: Doorbells) -> list[int]:
    """The order in which six jobs have made their call."""
    world.calls.clear()
    jobs = [submitted(str(n)) for n in range(6)]
    bells.drain()
    numbers = {job.pk: n for n, job in enumerate(jobs)}
    return [numbers[Job.objects.get(pk=call.key.split(":")[1]).pk] for call in world.calls]


def test_order_and_repetition_come_from_the_seed(database: None, registered: Registered, world: FakeWorld) -> None:
    one_call(registered, world)
    orders = []
    for seed in (1, 1, 2, 3):
        bells = Doorbells(Random(seed))
        with bells.collected():
            orders.append(order_of(world, bells))
    assert orders[0] == orders[1]
    assert len(set(map(str, orders))) == 3
    assert all(Counter(order) == Counter(range(6)) for order in orders), "each node ran once, however often it rang"


def test_doorbells_ring_more_than_once() -> None:
    bells = Doorbells(Random(7))
    answered = 0
    for _ in range(100):
        bells.rung = [(Job().pk, "plan", "default")]
        while bells.rung:
            bells._next()
            answered += 1
    assert 120 < answered < 190


def test_the_clock_is_that_of_the_database_and_of_this_process(clock: VirtualClock) -> None:
    before = clock.now()
    clock.advance("2h")
    assert 7200 <= (clock.now() - before).total_seconds() < 7260
    clock.stand_still()
    stopped, uptime = clock.now(), clocks.uptime()
    clock.advance(1)
    assert ((clock.now() - stopped).total_seconds(), clocks.uptime()) == (1.0, uptime)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.01)")
    assert (clock.now() - stopped).total_seconds() == 1.0
    clock.hold_up("40s")
    assert ((clock.now() - stopped).total_seconds(), clocks.uptime()) == (41.0, uptime + 40)
    clock.reset()
    assert clocks.uptime() < uptime + 40
    assert abs((clock.now() - before).total_seconds()) < 60
