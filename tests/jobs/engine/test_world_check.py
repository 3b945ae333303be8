"""A job that stopped trusts what it wrote before only after its tools have looked whether it is still so."""

import time
from typing import Any

import pytest

from aetheris.core.context import ToolContext
from aetheris.core.errors import Refused
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect, Hooks, OnChange
from aetheris.core.outcomes import Done
from jobs.engine.cancel import cancel
from jobs.engine.claim import claim
from jobs.engine.commit import commit
from jobs.engine.resolve import resolve
from jobs.engine.signal import signal
from jobs.engine.sweep import sweep
from jobs.engine.transaction import job_transaction
from jobs.engine.unknown import about
from jobs.models import Job
from ledger.models import Entry, Event
from ledger.querysets import EventQuerySet
from signals_app.models import UnknownOutcome, Wait
from tests.conftest import Clock
from tests.jobs.engine.one_tool import LEASE, question
from tests.world import APPROVER, Doorbells, Registered, World, again, event_types, result_of, states, submitted

pytestmark = pytest.mark.usefixtures("whole")


class Looks:
    """A verify hook that answers from a list and remembers what it was asked."""

    def __init__(self, *answers: str | Exception | None) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    def hook(self, ctx: ToolContext, recorded: Any, value: Any = None) -> str | None:
        self.asked.append((ctx.idempotency_key, recorded, value))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def parked(registered: Registered, world: World, doorbells: Doorbells, looks: Looks, **options: Any) -> Job:
    """Has reserved something, waits for a signal, and would ship after it."""
    reserve = world.tool("reserve", Effect.IDEMPOTENT, hooks=Hooks(verify=looks.hook), **options)
    ship = world.tool("ship", Effect.ONCE)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("reserve", reserve, value="a chair")
        graph.wait("wait", correlation_key="go")
        graph.tool("ship", ship, value="sent")
        graph.edge("reserve", "wait")
        graph.edge("wait", "ship")
        return graph

    registered.agent(plan, reserve, ship)
    job = submitted()
    doorbells.drain()
    assert again(job).state == "parked"
    return job


def resumed(job: Job, doorbells: Doorbells) -> Job:
    signal(job.pk, "go", {"ok": True}, APPROVER)
    doorbells.drain()
    return again(job)


def test_what_is_still_so_is_trusted(registered: Registered, world: World, doorbells: Doorbells) -> None:
    looks = Looks(None)
    job = resumed(parked(registered, world, doorbells, looks), doorbells)
    assert (job.state, result_of(job), world.called("ship")) == ("completed", "sent", 1)
    assert looks.asked == [(world.calls[0][2], "a chair", "a chair")]
    assert job.recheck_before is None


def test_what_was_written_just_before_over_a_line_that_had_been_slow_is_looked_after_too(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long its questions were on their way, no process dates anything later than the database's clock."""
    looks, record = Looks(None), EventQuerySet.record

    def over_a_slow_line(*args: Any) -> Any:
        time.sleep(0.0 if world.called("reserve") else 0.3)
        return record(*args)

    with monkeypatch.context() as slow:
        slow.setattr(EventQuerySet, "record", over_a_slow_line)
        job = parked(registered, world, doorbells, looks)
    assert resumed(job, doorbells).state == "completed"
    assert len(looks.asked) == 1


def test_by_default_a_changed_world_fails_the_job_before_anything_is_sent(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    job = resumed(parked(registered, world, doorbells, Looks("the chair is gone")), doorbells)
    assert (job.state, world.called("ship")) == ("failed", 0)
    assert "WORLD_CHANGED" in str(job.error)
    assert "the chair is gone" in str(job.error)


def test_a_warning_is_recorded_and_the_job_goes_on(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = parked(registered, world, doorbells, Looks("the chair is gone"), on_change=OnChange.WARN)
    job = resumed(job, doorbells)
    assert (job.state, world.called("ship")) == ("completed", 1)
    assert event_types(job).count("world_changed") == 1


@pytest.mark.parametrize(("answer", "state", "shipped"), [("go_on", "completed", 1), ("stop", "failed", 0)])
def test_a_person_is_asked_and_decides(
    registered: Registered, world: World, doorbells: Doorbells, answer: str, state: str, shipped: int
) -> None:
    looks = Looks("the chair is gone")
    job = parked(registered, world, doorbells, looks, on_change=OnChange.HUMAN)
    job = resumed(job, doorbells)
    assert (job.state, world.called("ship")) == ("parked", 0)
    for wrong in ("happened", "send_again", "ask"):
        with pytest.raises(Refused):
            resolve(job.pk, question(job), {"resolution": wrong, "result": 1}, APPROVER)
    resolve(job.pk, question(job), {"resolution": answer}, APPROVER)
    doorbells.drain()
    assert (again(job).state, world.called("ship"), len(looks.asked)) == (state, shipped, 1)


def test_a_hook_that_cannot_look_is_asked_as_often_as_policy_says_and_then_counts_as_changed(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    looks = Looks(*[ConnectionResetError("half an answer")] * 3)
    job = resumed(parked(registered, world, doorbells, looks), doorbells)
    for _ in range(4):
        clock.advance(60)
        sweep()
        doorbells.drain()
    job = again(job)
    assert (job.state, len(looks.asked), world.called("ship")) == ("failed", 3, 0)
    assert "WORLD_CHANGED" in str(job.error)


def test_a_job_that_lost_its_worker_looks_too(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    looks = Looks(None, None)
    job = parked(registered, world, doorbells, looks)
    signal(job.pk, "go", {"ok": True}, APPROVER)
    doorbells.rung.clear()
    with job_transaction(job.pk) as tx:
        checking = claim(tx, "ship")
    assert checking is not None
    assert checking.question is not None
    clock.advance(LEASE + 1)
    sweep()
    doorbells.drain()
    assert (again(job).state, world.called("ship"), len(looks.asked)) == ("completed", 1, 1)


def test_the_look_is_recorded_as_a_read_of_its_own(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = resumed(parked(registered, world, doorbells, Looks(None)), doorbells)
    looked = [event for event in Event.objects.stream(job.pk) if "reserve.verify" in event.payload]
    assert [event.type for event in looked] == ["tool_invocation_started", "tool_invocation_finished"]
    assert states(job) == {"reserve": "completed", "wait": "completed", "ship": "completed"}


def branching(registered: Registered, world: World, doorbells: Doorbells) -> Job:
    """Has reserved something, was parked, and goes on with two branches in a world that has changed."""
    looks = Looks(*["the chair is gone"] * 4)
    reserve = world.tool("reserve", Effect.IDEMPOTENT, hooks=Hooks(verify=looks.hook), on_change=OnChange.HUMAN)
    ship, bill = world.tool("ship", Effect.ONCE), world.tool("bill", Effect.ONCE)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("reserve", reserve, value="a chair")
        graph.wait("wait", correlation_key="go")
        graph.edge("reserve", "wait")
        for each in (ship, bill):
            graph.tool(each.name, each)
            graph.edge("wait", each.name)
        return graph

    registered.agent(plan, reserve, ship, bill)
    job = submitted()
    doorbells.drain()
    signal(job.pk, "go", {"ok": True}, APPROVER)
    return again(job)


def questions(job: Job) -> list[Wait]:
    return list(Wait.objects.filter(job=job, kind="resolution", state="open"))


@pytest.mark.parametrize(("answer", "state", "called"), [("go_on", "completed", 1), ("stop", "failed", 0)])
def test_while_a_person_is_asked_no_other_branch_goes_on_and_one_answer_is_enough(
    registered: Registered, world: World, doorbells: Doorbells, answer: str, state: str, called: int
) -> None:
    job = branching(registered, world, doorbells)
    doorbells.drain()
    assert (again(job).state, world.called("ship"), world.called("bill")) == ("parked", 0, 0)
    resolve(job.pk, questions(job)[0].correlation_key, {"resolution": answer}, APPROVER)
    doorbells.drain()
    assert (again(job).state, world.called("ship"), world.called("bill")) == (state, called, called)
    assert questions(job) == []


def test_two_branches_that_look_at_once_both_wait(registered: Registered, world: World, doorbells: Doorbells) -> None:
    """And what is asked can be read, whichever of them has opened the look."""
    job = branching(registered, world, doorbells)
    doorbells.rung.clear()
    looking = []
    for path in ("ship", "bill"):
        with job_transaction(job.pk) as tx:
            looking.append(claim(tx, path))
    for claimed in looking:
        assert claimed is not None
        with job_transaction(job.pk) as tx:
            assert commit(tx, claimed, Done('{"changed":"the chair is gone"}'))
    asked = list(UnknownOutcome.objects.filter(job=job, kind="resolution"))
    assert sorted(question.node for question in asked) == ["bill", "ship"]
    assert {unknown.entry.tool for unknown in about(asked)} == {"reserve.verify"}
    resolve(job.pk, questions(job)[0].correlation_key, {"resolution": "go_on"}, APPROVER)
    doorbells.drain()
    assert (again(job).state, world.called("ship"), world.called("bill")) == ("completed", 1, 1)


def test_a_cancelled_job_does_not_wait_for_the_answer(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    job = branching(registered, world, doorbells)
    doorbells.drain()
    key = questions(job)[0].correlation_key
    cancel(job.pk, actor="user:1/requester", reason="")
    assert again(job).state == "cancelled"
    with pytest.raises(Refused) as refused:
        resolve(job.pk, key, {"resolution": "go_on"}, APPROVER)
    assert refused.value.code == "JOB_NOT_PARKED"


@pytest.mark.parametrize("how", ["cancel", "stop"])
def test_doubt_of_a_node_that_waits_for_the_answer_is_shown_when_the_job_stops(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, how: str
) -> None:
    """Its worker was lost in a call that another look at the world came before."""
    looks = Looks("the chair is gone")
    job = parked(registered, world, doorbells, looks, on_change=OnChange.HUMAN)
    signal(job.pk, "go", {"ok": True}, APPROVER)
    doorbells.rung.clear()
    for expected in (True, False):
        with job_transaction(job.pk) as tx:
            claimed = claim(tx, "ship")
        assert claimed is not None
        assert (claimed.question is not None) is expected
        if expected:
            with job_transaction(job.pk) as tx:
                commit(tx, claimed, Done('{"changed":null}'))
    clock.advance(LEASE + 1)
    sweep()
    doorbells.drain()
    assert questions(job)[0].correlation_key.startswith("world:")
    if how == "cancel":
        cancel(job.pk, actor="user:1/requester", reason="")
    else:
        resolve(job.pk, questions(job)[0].correlation_key, {"resolution": "stop"}, APPROVER)
    assert (again(job).state, Entry.objects.get(job=job, step_id="ship").state) == ("parked", "unknown")
    resolve(job.pk, question(job), {"resolution": "happened", "result": 1}, APPROVER)
    assert (again(job).state, world.called("ship")) == ("cancelled" if how == "cancel" else "failed", 0)


def test_a_node_whose_time_is_over_while_a_person_is_asked_ends_after_the_answer(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """It looks again and again, and its worker was lost: the question and the node are not parted."""
    looks = Looks("the chair is gone")
    reserve = world.tool("reserve", Effect.IDEMPOTENT, hooks=Hooks(verify=looks.hook), on_change=OnChange.HUMAN)
    look = world.tool("look")
    world.answers["look"] = {"status": "pending"}

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("reserve", reserve, value="a chair")
        settled = {"ref": "watch.status", "op": "==", "value": "settled"}
        graph.until("watch", look, when=settled, every=30, timeout=100, on_timeout="continue")
        graph.edge("reserve", "watch")
        return graph

    registered.agent(plan, reserve, look)
    job = submitted()
    doorbells.drain()
    clock.advance(31)
    with job_transaction(job.pk) as tx:
        assert claim(tx, "watch") is not None
    clock.advance(LEASE + 1)
    sweep()
    doorbells.drain()
    asked = questions(job)
    assert [wait.node for wait in asked] == ["watch"]
    clock.advance(100)
    sweep()
    assert states(job)["watch"] == "waiting"
    resolve(job.pk, asked[0].correlation_key, {"resolution": "go_on"}, APPROVER)
    doorbells.drain()
    assert again(job).state == "completed"
    assert Wait.objects.get(job=job, node="watch", kind="condition").state == "timed_out"
