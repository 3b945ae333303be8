"""Branches of a quick function stay with one activation, several to a commit; slow ones are spread."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from aetheris.core.graph import TaskGraph
from aetheris.core.ids import new_id
from jobs.engine import pace, perform
from jobs.engine.rescue import rescue
from jobs.engine.run import run_node
from jobs.engine.sweep import sweep
from jobs.models import Job, Node
from ledger.models import Event
from tests.conftest import Clock
from tests.world import Doorbells, PlanningAgent, Registered, again, event_types, function, submitted

pytestmark = pytest.mark.usefixtures("whole", "unknown_pace")
WIDTH = 40


def fan(registered: Registered, branch: Callable[[int], int]) -> Job:
    """A job of `WIDTH` branches, each given its number, that lead into one node."""

    @function
    def end() -> str:
        return "all"

    branches = function(branch)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.function("end", end)
        for number in range(WIDTH):
            graph.function(f"b{number}", branches, number=number)
            graph.edge(f"b{number}", "end")
        return graph

    registered.agent(plan, branches, end)
    return submitted()


def same(number: int) -> int:
    return number


def begun_together(job: Job) -> Counter[int]:
    """How many nodes were begun in how many transactions."""
    begun = Event.objects.filter(job_id=job.pk, type="node_started")
    return Counter(Counter(begun.values_list("txid", flat=True)).values())


def test_quick_branches_are_claimed_and_committed_together(registered: Registered, doorbells: Doorbells) -> None:
    """One by one at first, then as many at once as have been quick in a row. Nobody is called to help."""
    job = fan(registered, same)
    doorbells.rung.clear()
    run_node(job.pk, "plan")
    assert (again(job).state, doorbells.rung) == ("completed", [])
    assert max(begun_together(job)) == pace.MOST_TOGETHER
    assert Event.objects.filter(job_id=job.pk).values("txid").distinct().count() < WIDTH / 3
    assert event_types(job).count("node_finished") == WIDTH + 1


def test_no_more_run_at_once_than_the_job_allows(
    registered: Registered, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlanningAgent, "max_parallel", 3)
    job = fan(registered, same)
    run_node(job.pk, "plan")
    assert again(job).state == "completed"
    assert max(begun_together(job)) == 3


def test_after_a_slow_one_those_that_wait_for_it_are_given_back(
    registered: Registered, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "QUICK_SECONDS", 0.2)
    ran: list[int] = []

    def branch(number: int) -> int:
        ran.append(number)
        if number == 10:
            time.sleep(0.3)
        return number

    job = fan(registered, branch)
    run_node(job.pk, "plan")
    assert again(job).state == "completed"
    assert sorted(ran) == list(range(WIDTH))
    assert event_types(job).count("node_reclaimed") > 0
    assert set(Node.objects.of_job(job.pk).values_list("crashes", flat=True)) == {0}


def test_others_are_called_while_one_computes_for_long(registered: Registered, doorbells: Doorbells) -> None:
    """The branch ends only once a doorbell has rung for another one."""
    called = threading.Event()

    def branch(number: int) -> int:
        assert called.wait(30)
        return number

    job = fan(registered, branch)
    doorbells.rung.clear()
    ring = doorbells.rung.append

    class Rung(list[Any]):
        def append(self, bell: Any) -> None:
            ring(bell)
            called.set()

    doorbells.rung = Rung()
    run_node(job.pk, "plan")
    assert called.is_set()
    assert again(job).state == "completed"


class Killed(BaseException):
    """The worker dies here."""


def killed_with(job: Job, path: str, activation: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the job until a worker dies that holds this node."""
    performed = perform.perform

    def performing(claimed: Any) -> Any:
        if claimed.path == path:
            raise Killed
        return performed(claimed)

    with monkeypatch.context() as patch:
        patch.setattr(perform, "perform", performing)
        with pytest.raises(Killed):
            run_node(job.pk, "plan", activation)


def test_what_was_lost_together_is_run_again_one_by_one(
    registered: Registered, doorbells: Doorbells, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the node which takes its workers with it is given up, and those that waited beside it are not."""
    job = fan(registered, same)
    killed_with(job, "b19", new_id(), monkeypatch)
    lost = set(Node.objects.running().filter(job=job).values_list("path", flat=True))
    assert len(lost) > 1
    clock.advance(16)
    assert sweep()["reclaimed"] == len(lost)
    doorbells.drain()
    assert again(job).state == "completed"
    again_begun = [
        event for event in Event.objects.filter(job_id=job.pk, type="node_started") if event.span.endswith("#2")
    ]
    assert {event.node for event in again_begun} == lost
    assert len({event.txid for event in again_begun}) == len(lost)


def test_a_rescue_takes_back_all_that_was_held(
    registered: Registered, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, activation = fan(registered, same), new_id()
    killed_with(job, "b19", activation, monkeypatch)
    assert Node.objects.running().filter(job=job).count() > 1
    assert rescue(activation)
    assert not Node.objects.running().filter(job=job).exists()
    doorbells.drain()
    assert again(job).state == "completed"
