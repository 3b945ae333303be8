"""Whoever has answered a doorbell goes on with what is due, so that a backlog needs no doorbell for each node."""

import time
from collections import defaultdict
from typing import Any

import pytest

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.ids import new_id
from jobs.engine import dispatch, go_on, pace, run, stopping
from jobs.engine.perform import perform_together
from jobs.models import Job, Node
from tests.doors import at_once
from tests.statements import statements
from tests.world import Doorbells, Registered, World, again, event_types, function, submitted

pytestmark = pytest.mark.usefixtures("whole")
QUEUES = ["realtime", "default"]


@pytest.fixture
def agent(registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job looks once. Whoever goes on has all the time there is."""
    monkeypatch.setattr(go_on, "_ahead", go_on.Ahead())
    monkeypatch.setattr(go_on, "SLICE_SECONDS", 600.0)
    look = world.tool("look", Effect.READ)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look)
        return graph

    registered.agent(plan, look)


@pytest.fixture
def one_step_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.engine.run.SLICE_SECONDS", 0.0)
    monkeypatch.setattr(go_on, "SLICE_SECONDS", 0.0)


def ready() -> int:
    return Node.objects.filter(state="ready").count()


@pytest.mark.usefixtures("agent")
def test_one_doorbell_is_enough_for_a_backlog(world: World) -> None:
    jobs = [submitted() for _ in range(40)]
    go_on.answer(jobs[0].pk, "plan", QUEUES, new_id())
    assert {again(job).state for job in jobs} == {"completed"}
    assert world.called("look") == 40


@pytest.mark.usefixtures("agent")
def test_a_doorbell_that_comes_late_still_wakes_whoever_answers_it(doorbells: Doorbells) -> None:
    """Its own node is long done, and others wait for which none was rung."""
    done, waiting = submitted(), submitted()
    doorbells.rung = doorbells.rung[:1]
    doorbells.drain()
    go_on.answer(done.pk, "plan", QUEUES, new_id())
    assert again(waiting).state == "completed"


@pytest.mark.usefixtures("agent")
def test_what_is_more_urgent_comes_first(world: World) -> None:
    low, high = [submitted(priority=4) for _ in range(3)], [submitted(priority=1) for _ in range(3)]
    go_on.answer(low[0].pk, "gone", QUEUES, new_id())
    ended = Job.objects.order_by("finished_at").values_list("pk", flat=True)
    assert set(ended[:3]) == {job.pk for job in high}


@pytest.mark.usefixtures("agent", "one_step_at_a_time")
def test_when_its_time_is_over_it_rings_for_one_more(doorbells: Doorbells) -> None:
    """So that a queue of which nobody else hears is worked off."""
    jobs = [submitted() for _ in range(3)]
    doorbells.rung.clear()
    go_on.answer(jobs[0].pk, "plan", QUEUES, new_id())
    assert ready() == 3
    assert len(doorbells.rung) == 2, "one for the node that follows, one for what is due besides"


@pytest.mark.usefixtures("agent")
def test_a_queue_that_the_worker_does_not_serve_is_left_alone() -> None:
    mine, others = submitted(), submitted(queue="elsewhere")
    go_on.answer(mine.pk, "plan", QUEUES, new_id())
    assert (again(mine).state, again(others).state) == ("completed", "pending")


@pytest.mark.usefixtures("agent")
def test_what_this_process_cannot_take_is_not_tried_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    job, tried = submitted(), []

    def cannot(job_id: object, path: str, activation: object, **_: object) -> bool:
        tried.append(path)
        return False

    monkeypatch.setattr(go_on, "run_node", cannot)
    go_on.answer(job.pk, "plan", QUEUES, new_id())
    assert tried == ["plan", "plan"], "once for the doorbell, once because it is due"


@pytest.mark.usefixtures("agent")
def test_what_one_thread_has_begun_no_other_begins_as_long_as_it_is_due() -> None:
    heard, seen = submitted(), submitted()
    ahead = go_on.Ahead()
    assert ahead.begin((heard.pk, "plan"), "")
    (begun,) = ahead.next(QUEUES)
    assert begun.job_id == seen.pk
    assert ahead.next(QUEUES) == []
    ahead.done([(heard.pk, "plan")])
    assert [node.job_id for node in ahead.next(QUEUES)] == [heard.pk]


@pytest.mark.usefixtures("agent")
def test_a_worker_that_is_to_end_goes_on_with_nothing() -> None:
    job = submitted()
    stopping.begin()
    try:
        go_on.answer(job.pk, "gone", QUEUES, new_id())
    finally:
        stopping.forget()
    assert again(job).state == "pending"


@pytest.fixture
def instant_agent(registered: Registered, unknown_pace: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its plan and its function are instant once they have run."""
    monkeypatch.setattr(go_on, "_ahead", go_on.Ahead())

    @function
    def count() -> int:
        return 1

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.function("count", count)
        return graph

    registered.agent(plan, count)


@pytest.mark.usefixtures("instant_agent", "doorbells")
def test_a_backlog_of_what_is_instant_is_run_several_at_a_time() -> None:
    jobs = [submitted() for _ in range(40)]
    with statements() as sent:
        go_on.answer(jobs[0].pk, "plan", QUEUES, new_id())
    assert {again(job).state for job in jobs} == {"completed"}
    assert 0 < sum("aetheris_write_steps" in statement for statement in sent) < len(jobs) / 2


def writes(sent: list[str]) -> int:
    return sum("aetheris_write" in statement for statement in sent)


@pytest.mark.usefixtures("instant_agent", "doorbells")
@pytest.mark.parametrize(("known", "commits"), [(["plan test-agent"], 2), (["plan test-agent", "function count"], 1)])
def test_what_is_instant_is_claimed_with_its_commit(known: list[str], commits: int) -> None:
    """Node zero with its successor's claim, and the successor; where that is instant too, all at once."""
    for name in known:
        pace.note(name, 0.0)
    job = submitted()
    with statements() as sent:
        go_on.answer(job.pk, "plan", QUEUES, new_id(), "plan test-agent")
    assert again(job).state == "completed"
    assert writes(sent) == commits
    assert set(Node.objects.filter(job_id=job.pk).values_list("claims", flat=True)) == {1}
    assert event_types(job)[:3] == ["job_created", "node_started", "plan_generated"]


@pytest.mark.usefixtures("instant_agent", "doorbells")
@pytest.mark.parametrize(("claims", "pace_name"), [(1, "plan test-agent"), (0, "")])
def test_what_may_have_taken_a_worker_with_it_is_claimed_first(claims: int, pace_name: str) -> None:
    """It has been claimed before, or is found by somebody whom no doorbell of its own has told."""
    pace.note("plan test-agent", 0.0)
    job = submitted()
    Node.objects.filter(job_id=job.pk).update(claims=claims)
    with statements() as sent:
        go_on.answer(job.pk, "plan", QUEUES, new_id(), pace_name)
    assert again(job).state == "completed"
    assert writes(sent) == 3


@pytest.mark.usefixtures("instant_agent", "doorbells")
def test_what_cannot_be_run_with_its_claim_is_claimed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    pace.note("plan test-agent", 0.0)
    job = submitted()
    record = run._record

    def broken_once(*args: Any, **options: Any) -> bool:
        monkeypatch.setattr(run, "_record", record)
        raise RuntimeError("broken")

    monkeypatch.setattr(run, "_record", broken_once)
    with statements() as sent:
        go_on.answer(job.pk, "plan", QUEUES, new_id(), "plan test-agent")
    assert again(job).state == "completed"
    assert writes(sent) == 3


@pytest.mark.usefixtures("instant_agent", "doorbells")
def test_one_who_is_overtaken_while_he_runs_at_once_leaves_it_to_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """What he has not sent yet is as if it had never been."""
    pace.note("plan test-agent", 0.0)
    job = submitted()

    def overtaken_meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(run, "perform_together", perform_together)
        at_once(lambda: run.run_node(job.pk, "plan"))
        return perform_together(*args)

    monkeypatch.setattr(run, "perform_together", overtaken_meanwhile)
    go_on.answer(job.pk, "plan", QUEUES, new_id(), "plan test-agent")
    assert again(job).state == "completed"
    assert event_types(job).count("node_started") == 2, "node zero once, its successor once"


@pytest.mark.usefixtures("instant_agent", "doorbells")
def test_while_one_thread_runs_several_the_others_leave_what_is_instant_to_it() -> None:
    jobs = [submitted() for _ in range(8)]
    pace.note("plan test-agent", 0.0)
    ahead = go_on.Ahead()
    first = ahead.next(QUEUES)
    assert len(first) == len(jobs) / 2, "half, so that other processes find theirs"
    assert not ahead.begin((new_id(), "plan"), "plan test-agent")
    assert ahead.begin((new_id(), "count"), "function of-which-nothing-is-known")
    with statements() as sent:
        assert [ahead.next(QUEUES), ahead.next(QUEUES)] == [[], []]
    assert sent == [], "what was seen counts for a moment"
    names = [(node.job_id, node.path) for node in first]
    run.run_side_by_side(names, new_id())
    ahead.done(names)
    assert ahead.begin((new_id(), "plan"), "plan test-agent")
    second = ahead.next(QUEUES)
    assert {node.job_id for node in second} < {job.pk for job in jobs} - {node.job_id for node in first}


@pytest.mark.usefixtures("instant_agent", "doorbells")
def test_what_several_have_left_is_looked_for_anew() -> None:
    """Other processes have taken most of it meanwhile."""
    for _ in range(8):
        submitted()
    pace.note("plan test-agent", 0.0)
    ahead = go_on.Ahead()
    ahead.done([(node.job_id, node.path) for node in ahead.next(QUEUES)])
    with statements() as sent:
        assert len(ahead.next(QUEUES)) == 4
    assert len(sent) == 1


@pytest.mark.usefixtures("instant_agent", "doorbells")
def test_what_may_have_taken_a_worker_with_it_is_run_alone() -> None:
    jobs = [submitted() for _ in range(8)]
    pace.note("plan test-agent", 0.0)
    Node.objects.filter(job_id=jobs[0].pk).update(claims=1)
    ahead = go_on.Ahead()
    seen = ahead.next(QUEUES)
    assert len(seen) == 4
    assert jobs[0].pk not in {node.job_id for node in seen}
    assert [node.job_id for node in ahead.next(QUEUES)] == [jobs[0].pk]


def test_no_more_doorbells_are_sent_than_can_wake_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as many lie in the queue; a first one is always sent. It is asked once for as many as there is room."""
    sent: list[str] = []
    asked: list[str] = []
    lying = {"calm": 0, "busy": 100}

    def waiting(queue: str) -> int:
        asked.append(queue)
        return lying[queue]

    monkeypatch.setattr(dispatch, "_rows", defaultdict(dispatch._Row))
    monkeypatch.setattr(dispatch, "_message", lambda name, ids, queue, **_: lambda: sent.append(queue))
    monkeypatch.setattr(dispatch, "_waiting", waiting)
    for queue in lying:
        for _ in range(50):
            dispatch.ring(new_id(), "plan", queue, 3)
    assert sent.count("calm") == 50
    assert asked.count("calm") == (50 - 1) // dispatch.MANY
    assert sent.count("busy") == dispatch.MANY
    time.sleep(dispatch.ROW_SECONDS + dispatch.FULL_SECONDS)
    dispatch.ring(new_id(), "plan", "busy", 3)
    assert sent.count("busy") == dispatch.MANY + 1
