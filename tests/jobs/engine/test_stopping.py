"""A worker that was told to stop: nothing new is opened, what was claimed and not begun is given back."""

from collections.abc import Iterator

import pytest

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from jobs.engine import run, stopping
from jobs.engine.claim import claim
from jobs.engine.give_back import give_back
from jobs.engine.kinds.base import Claimed
from jobs.engine.together import Writing
from jobs.engine.transaction import job_transaction
from jobs.models import Job, Node
from ledger.models import Entry
from tests.world import Doorbells, Registered, World, again, assert_whole, event_types, states, submitted


@pytest.fixture(autouse=True)
def going_on() -> Iterator[None]:
    yield
    stopping.forget()


def chain(registered: Registered, world: World, effect: Effect) -> Job:
    """A job of two tools, one after the other, whose first doorbell has rung."""
    act = world.tool("act", effect)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("one", act)
        graph.tool("two", act)
        graph.edge("one", "two")
        return graph

    registered.agent(plan, act)
    return submitted()


def taken(job: Job, path: str) -> Claimed:
    with job_transaction(job.pk) as tx:
        claimed = claim(tx, path)
    assert claimed is not None
    return claimed


def test_nothing_is_claimed(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = chain(registered, world, Effect.READ)
    stopping.begin()
    doorbells.drain()
    assert Node.objects.get(job=job).state == "ready"


def test_the_activation_ends_with_its_node_and_rings_for_the_next(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    job = chain(registered, world, Effect.IDEMPOTENT)
    world.answers["act"] = lambda ctx: stopping.begin()
    doorbells.drain()
    assert (world.called("act"), states(job)) == (1, {"one": "completed", "two": "ready"})
    stopping.forget()
    del world.answers["act"]
    run.run_node(job.pk, "two")
    assert (again(job).state, world.called("act")) == ("completed", 2)


def planned(job: Job, monkeypatch: pytest.MonkeyPatch) -> Claimed:
    """The first tool of the job, claimed by a worker that has not begun the call."""
    with monkeypatch.context() as patch:
        patch.setattr(run, "SLICE_SECONDS", 0.0)
        run.run_node(job.pk, "plan")
    return taken(job, "one")


@pytest.mark.parametrize("effect", [Effect.PURE, Effect.READ])
def test_what_was_not_begun_is_given_back_and_rung_for(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch, effect: Effect
) -> None:
    job = chain(registered, world, effect)
    claimed = planned(job, monkeypatch)
    doorbells.rung.clear()
    assert give_back(claimed)
    assert not give_back(claimed), "another may have it by now"
    assert doorbells.rung == [(job.pk, "one", "default")]
    assert "node_reclaimed" in event_types(job)
    doorbells.drain()
    assert (again(job).state, world.called("act")) == ("completed", 2)
    assert set(Node.objects.of_job(job.pk).values_list("crashes", flat=True)) == {0}
    assert_whole(job)


def test_an_opened_write_is_not_given_back(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next worker could not know that it was not sent, so this one still makes the call, and nothing after it."""
    job = chain(registered, world, Effect.ONCE)
    claimed = planned(job, monkeypatch)
    assert not give_back(claimed)

    def start(*_: object, **__: object) -> Writing[run._Attempt]:
        stopping.begin()
        yield from ()
        return run._Attempt(claimed=[claimed])

    monkeypatch.setattr(run, "_start", start)
    run.run_node(job.pk, "one")
    assert (world.called("act"), states(job)) == (1, {"one": "completed", "two": "ready"})
    assert Entry.objects.get(job=job).sends == 1
