"""Retries: who says that nothing happened gets a new attempt, who does not know keeps the key, as policy allows."""

from typing import Any

import pytest

from aetheris.core import registry
from aetheris.core.context import ToolContext
from aetheris.core.errors import CriticalError, NotApplied, ToolError
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.retry import RetryPolicy
from jobs.engine.run import run_node
from jobs.engine.sweep import sweep
from jobs.models import Job, Node
from ledger.models import Entry
from tests.conftest import Clock
from tests.world import (
    Doorbells,
    Registered,
    Scripted,
    World,
    again,
    event_types,
    in_turn,
    result_of,
    states,
    submitted,
)

pytestmark = pytest.mark.usefixtures("whole")
DOUBT = ConnectionResetError("half an answer")


def steady(tries: int = 3) -> RetryPolicy:
    """So many tries, 10 seconds apart."""
    return RetryPolicy(max_tries=tries, first_seconds=10, longest_seconds=10, jitter=0)


def act(
    registered: Registered, world: World, doorbells: Doorbells, effect: Effect = Effect.READ, **options: Any
) -> Job:
    """A job whose one node acts with these options, after its first try."""
    tool = world.tool("act", effect)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("act", tool, value=1)
        graph.options("act", **options)
        return graph

    registered.agent(plan, tool)
    job = submitted()
    doorbells.drain()
    return job


def wait(clock: Clock, doorbells: Doorbells, seconds: float = 11) -> None:
    """Time passes, and workers do what is due."""
    clock.advance(seconds)
    sweep()
    doorbells.drain()


def attempts(job: Job) -> list[tuple[int, str, int]]:
    """Each entry of the job: its attempt, its state, how often it was sent."""
    return list(Entry.objects.filter(job=job).order_by("attempt").values_list("attempt", "state", "sends"))


def keys(world: World) -> list[str]:
    """The number at the end of each key that the tool was called with."""
    return [key.rpartition(":")[2] for _, _, key in world.calls]


@pytest.mark.parametrize("effect", [Effect.READ, Effect.IDEMPOTENT, Effect.ONCE])
def test_what_did_not_happen_is_tried_again_as_a_new_attempt(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, effect: Effect
) -> None:
    seen: list[int] = []

    def answer(ctx: ToolContext) -> Any:
        seen.append(ctx.attempt)
        return NotApplied("not now") if len(seen) == 1 else "done"

    world.answers["act"] = answer
    job = act(registered, world, doorbells, effect, retry=steady())
    assert (again(job).state, attempts(job)) == ("retrying", [(1, "failed", 1)])
    wait(clock, doorbells)
    assert (again(job).state, result_of(job)) == ("completed", "done")
    assert attempts(job) == [(1, "failed", 1), (2, "committed", 1)]
    assert (keys(world), seen) == (["1", "2"], [1, 2])
    assert Node.objects.get(job=job, path="act").tries == 1


@pytest.mark.parametrize("effect", [Effect.READ, Effect.IDEMPOTENT])
def test_doubt_that_may_be_repeated_keeps_its_key(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, effect: Effect
) -> None:
    world.answers["act"] = in_turn(DOUBT, DOUBT, DOUBT, DOUBT, "done")
    job = act(registered, world, doorbells, effect, retry=steady(5))
    for _ in range(4):
        assert again(job).state == "retrying"
        wait(clock, doorbells)
    assert (again(job).state, attempts(job)) == ("completed", [(1, "committed", 5)])
    assert keys(world) == ["1"] * 5


def test_a_new_attempt_that_ends_in_doubt_keeps_its_own_key(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    world.answers["act"] = in_turn(NotApplied("not now"), DOUBT, "done")
    job = act(registered, world, doorbells, Effect.IDEMPOTENT, retry=steady())
    wait(clock, doorbells)
    wait(clock, doorbells)
    assert (again(job).state, keys(world)) == ("completed", ["1", "2", "2"])
    assert attempts(job) == [(1, "failed", 1), (2, "committed", 2)]


@pytest.mark.parametrize("error", [ToolError("no"), CriticalError("stop")])
def test_a_no_is_not_asked_again(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, error: Exception
) -> None:
    world.answers["act"] = error
    job = act(registered, world, doorbells, retry=steady(9))
    wait(clock, doorbells)
    assert (again(job).state, world.called("act")) == ("failed", 1)
    assert "node_retrying" not in event_types(job)


@pytest.mark.parametrize("tries", [1, 2, 5])
def test_when_the_tries_are_spent_the_last_answer_stands(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, tries: int
) -> None:
    world.answers["act"] = NotApplied("not now", code="BUSY")
    job = act(registered, world, doorbells, retry=steady(tries))
    for _ in range(tries + 2):
        wait(clock, doorbells)
    assert (again(job).state, world.called("act")) == ("failed", tries)
    assert again(job).error_value == {"code": "BUSY", "message": "not now", "node_id": "act"}
    assert attempts(job) == [(number, "failed", 1) for number in range(1, tries + 1)]
    assert event_types(job).count("node_retrying") == tries - 1


@pytest.mark.parametrize(
    ("effect", "state", "entry"), [(Effect.READ, "failed", "failed"), (Effect.IDEMPOTENT, "parked", "unknown")]
)
def test_when_the_tries_are_spent_doubt_about_a_write_is_shown(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, effect: Effect, state: str, entry: str
) -> None:
    world.answers["act"] = DOUBT
    job = act(registered, world, doorbells, effect, retry=steady(2))
    for _ in range(4):
        wait(clock, doorbells)
    assert (again(job).state, attempts(job)) == (state, [(1, entry, 2)])


def test_doubt_about_what_must_not_be_repeated_is_never_tried_again(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    world.answers["act"] = DOUBT
    job = act(registered, world, doorbells, Effect.ONCE, retry=steady(9))
    wait(clock, doorbells)
    assert (again(job).state, attempts(job)) == ("parked", [(1, "unknown", 1)])


def test_the_pauses_are_those_of_the_policy(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """10, 30, then no more than 50 seconds; a doorbell before its time changes nothing."""
    world.answers["act"] = NotApplied("not now")
    policy = RetryPolicy(max_tries=5, first_seconds=10, factor=3, longest_seconds=50, jitter=0)
    job = act(registered, world, doorbells, retry=policy)
    for tries, pause in enumerate((10, 30, 50, 50), 1):
        assert (again(job).state, world.called("act")) == ("retrying", tries)
        clock.advance(pause - 2)
        assert sweep()["rung"] == 0
        run_node(job.pk, "act")
        assert world.called("act") == tries
        wait(clock, doorbells, 2.5)
    assert (again(job).state, world.called("act")) == ("failed", 5)


def test_jitter_brings_a_try_forward(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aetheris.core.retry.random_fraction", lambda: 0.5)
    world.answers["act"] = in_turn(NotApplied("not now"), "done")
    policy = RetryPolicy(first_seconds=100, longest_seconds=100, jitter=0.5)
    job = act(registered, world, doorbells, retry=policy)
    clock.advance(73)
    assert sweep()["rung"] == 0
    wait(clock, doorbells, 3)
    assert again(job).state == "completed"


def test_without_a_policy_there_are_three_tries(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    world.answers["act"] = NotApplied("not now")
    job = act(registered, world, doorbells)
    for _ in range(5):
        wait(clock, doorbells, 60)
    assert (again(job).state, world.called("act")) == ("failed", 3)


def test_a_model_that_cannot_be_asked_is_asked_again_as_its_node_says(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    model = Scripted(DOUBT, DOUBT, DOUBT, DOUBT, "fine")
    registered.put(registry.models, "script", model)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.llm("judge", "Is it polite?", model="script:one")
        graph.options("judge", retry=steady(5), timeout="7s")
        return graph

    registered.agent(plan)
    job = submitted()
    doorbells.drain()
    for _ in range(4):
        wait(clock, doorbells)
    assert (again(job).state, result_of(job)) == ("completed", {"text": "fine"})
    assert {request.timeout for request in model.asked} == {7.0}
    assert attempts(job) == [(1, "committed", 5)]


def test_a_nodes_own_time_limit_and_queue_replace_those_of_its_tool(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    tool = world.tool("act", timeout=30.0, queue="heavy")
    seen: dict[str, float] = {}

    def note(ctx: ToolContext) -> None:
        node = Node.objects.get(job=job, path=ctx.node)
        assert node.deadline_at is not None
        assert node.started_at is not None
        seen[ctx.node] = ctx.timeout
        assert (node.deadline_at - node.started_at).total_seconds() == ctx.timeout

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("plain", tool)
        graph.tool("own", tool)
        graph.options("own", timeout="5s", queue="realtime")
        return graph

    registered.agent(plan, tool)
    world.answers["act"] = note
    job = submitted()
    doorbells.drain()
    assert seen == {"plain": 30.0, "own": 5.0}
    queues = dict(Node.objects.filter(job=job).values_list("path", "queue"))
    assert (queues["plain"], queues["own"]) == ("heavy", "realtime")
    assert states(job) == {"plain": "completed", "own": "completed"}


def test_an_unsound_policy_fails_the_plan(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = act(registered, world, doorbells, retry=RetryPolicy(max_tries=0))
    assert (again(job).state, again(job).error_value["code"]) == ("failed", "RETRY_POLICY_INVALID")  # type: ignore[index]
