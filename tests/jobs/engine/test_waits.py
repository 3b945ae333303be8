"""Waits: who may answer each kind, and what follows when nobody does in time."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from aetheris.core.errors import GraphError, Refused
from aetheris.core.graph import TaskGraph
from aetheris.core.references import ref
from jobs.engine.sender import Sender
from jobs.engine.signal import signal
from jobs.engine.sweep import sweep
from jobs.models import Job, Node
from jobs.whole_rows import whole_rows
from signals_app.models import Approval, Wait
from tests.conftest import Clock
from tests.doors import at_once
from tests.statements import before, statements
from tests.world import (
    APPROVER,
    REQUESTER,
    Doorbells,
    Registered,
    World,
    again,
    event_types,
    result_of,
    states,
    submitted,
)

pytestmark = pytest.mark.usefixtures("whole")
PEOPLE = ["human", "approval"]
OTHERS = ["signal", "webhook", "message"]
DAY = 86400.0
YES = {"approved": True}


def asking(registered: Registered, world: World, *timeout_leads: str, **wait: Any) -> Job:
    """A job that waits, then goes on to `after`; edges on `timeout_leads` go to `late`."""
    after, late = world.tool("after"), world.tool("late")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("ask", **{"correlation_key": "ask-1", "timeout": 60, **wait})
        graph.tool("after", after, value=ref("ask"))
        graph.tool("late", late, value=ref("ask.error.code", default=None))
        graph.edge("ask", "after")
        for on in timeout_leads:
            graph.edge("ask", "late", on=on)
        if not timeout_leads:
            graph.edge("after", "late")
        return graph

    registered.agent(plan, after, late)
    return submitted()


def locks_in(sent: list[str]) -> list[str]:
    """Those of these statements that lock a job."""
    return [statement for statement in sent if "FOR NO KEY UPDATE" in statement]


def refused(job: Job, payload: dict[str, Any], sender: Sender, key: str = "ask-1") -> str:
    with pytest.raises(Refused) as caught:
        signal(job.pk, key, payload, sender)
    return caught.value.code


@pytest.mark.parametrize("kind", OTHERS)
def test_a_wait_of_another_kind_is_answered_by_whoever_may_signal(
    registered: Registered, world: World, doorbells: Doorbells, kind: str
) -> None:
    job = asking(registered, world, kind=kind)
    doorbells.drain()
    assert again(job).state == "parked"
    assert refused(job, {"n": 1}, replace(APPROVER, may_signal=False)) == "MAY_NOT_SIGNAL"
    assert signal(job.pk, "ask-1", {"n": 1}, Sender(REQUESTER, may_signal=True, may_decide=False)) == "applied"
    doorbells.drain()
    assert (again(job).state, world.calls[0][1]) == ("completed", {"value": {"n": 1}})
    assert not Approval.objects.exists()


def test_what_follows_a_wait_is_run_without_the_jobs_lock(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    job = asking(registered, world, kind="signal")
    doorbells.drain()
    signal(job.pk, "ask-1", {"n": 1}, APPROVER)
    with statements() as sent:
        doorbells.drain()
    assert (again(job).state, locks_in(sent)) == ("completed", [])


@pytest.mark.parametrize("kind", ["signal", "webhook", "human"])
def test_a_job_parks_and_is_answered_by_one_statement_each_and_without_its_lock(
    registered: Registered, world: World, doorbells: Doorbells, kind: str
) -> None:
    job = asking(registered, world, kind=kind)
    with statements() as sent:
        doorbells.drain()
        assert again(job).state == "parked"
        assert signal(job.pk, "ask-1", YES, APPROVER) == "applied"
    writes = [statement for statement in sent if "aetheris_write" in statement]
    assert (len(writes), locks_in(sent)) == (3, [])  # the plan is claimed, the job parks, the answer is applied


def test_an_answer_that_comes_while_its_wait_is_about_to_open_is_taken(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    first, after = world.tool("first"), world.tool("after")
    world.answers["first"] = lambda ctx: signal(ctx.job_id, "ask-1", {"n": 1}, APPROVER)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("first", first)
        graph.wait("ask", kind="signal", correlation_key="ask-1")
        graph.tool("after", after, value=ref("ask"))
        graph.edge("first", "ask")
        graph.edge("ask", "after")
        return graph

    registered.agent(plan, first, after)
    job = submitted()
    doorbells.drain()
    assert (again(job).state, world.calls[1][1]) == ("completed", {"value": {"n": 1}})
    assert event_types(job).count("job_waiting") == event_types(job).count("wait_completed") == 1


@pytest.mark.parametrize(
    ("kind", "between"), [("signal", "jobs_job"), ("signal", "aetheris_write"), ("approval", "signals_app_approval")]
)
def test_of_two_answers_at_once_the_first_that_is_written_stands(
    registered: Registered, world: World, doorbells: Doorbells, kind: str, between: str
) -> None:
    """Whatever the second one had read before: nothing, a part, or all that it needs."""
    job = asking(registered, world, kind=kind)
    doorbells.drain()
    with before(f"FROM {between}", lambda: signal(job.pk, "ask-1", YES, APPROVER)):
        assert refused(job, {**YES, "reason": "else"}, APPROVER) == "SIGNAL_CONFLICT"
    doorbells.drain()
    assert (again(job).state, world.calls[0][1]) == ("completed", {"value": YES})


def test_a_wide_fan_out_after_a_wait_is_read_once(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not with each node that an answer begins with."""
    after = world.tool("after")
    read: list[tuple[Any, ...]] = []

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("ask", kind="signal", correlation_key="ask-1")
        for number in range(20):
            graph.tool(f"after-{number}", after, value=number)
            graph.edge("ask", f"after-{number}")
        return graph

    def seen(*arguments: Any) -> Any:
        read[:] = whole_rows(*arguments)
        return read

    registered.agent(plan, after)
    job = submitted()
    doorbells.drain()
    monkeypatch.setattr("jobs.querysets.whole_rows", seen)
    signal(job.pk, "ask-1", YES, APPROVER)
    assert [len(line[-2] or ()) for line in read] == [20] + 21 * [0]


@pytest.mark.parametrize("kind", PEOPLE)
def test_a_wait_for_people_is_answered_by_another_one_who_may_decide(
    registered: Registered, world: World, doorbells: Doorbells, kind: str
) -> None:
    job = asking(registered, world, kind=kind)
    doorbells.drain()
    assert refused(job, YES, replace(APPROVER, may_decide=False)) == "MAY_NOT_DECIDE"
    assert refused(job, YES, replace(APPROVER, principal=REQUESTER)) == "REQUESTER_MAY_NOT_DECIDE"
    assert refused(job, {"n": 1}, APPROVER) == "SIGNAL_PAYLOAD_INVALID"
    assert signal(job.pk, "ask-1", YES, APPROVER) == "applied"
    doorbells.drain()
    assert (again(job).state, Approval.objects.get().state) == ("completed", "approved")


@pytest.mark.parametrize("kind", PEOPLE)
def test_silence_is_no_consent(registered: Registered, world: World, doorbells: Doorbells, kind: str) -> None:
    """A wait for people whose timeout continues is refused with the plan."""
    job = asking(registered, world, kind=kind, on_timeout="continue")
    doorbells.drain()
    assert (again(job).state, again(job).error_value["code"]) == ("failed", "GRAPH_WAIT_INVALID")  # type: ignore[index]
    assert not Wait.objects.exists()


@pytest.mark.parametrize("kind", [*OTHERS, *PEOPLE])
def test_after_its_time_a_wait_fails_its_job(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, kind: str
) -> None:
    job = asking(registered, world, kind=kind)
    doorbells.drain()
    clock.advance(58)
    assert sweep()["timed_out"] == 0
    clock.advance(3)
    assert sweep()["timed_out"] == 1
    assert (again(job).state, again(job).error_value["code"]) == ("failed", "WAIT_TIMED_OUT")  # type: ignore[index]
    assert states(job) == {"ask": "failed", "after": "cancelled", "late": "cancelled"}
    assert Wait.objects.get().state == "timed_out"
    assert refused(job, YES, APPROVER) == "WAIT_EXPIRED"


@pytest.mark.parametrize("kind", OTHERS)
def test_after_its_time_a_wait_may_continue(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, kind: str
) -> None:
    job = asking(registered, world, kind=kind, on_timeout="continue")
    doorbells.drain()
    clock.advance(61)
    sweep()
    doorbells.drain()
    assert again(job).state == "completed"
    (_, argument, _), _ = world.calls
    assert set(argument["value"]) == {"timed_out", "at"}
    assert argument["value"]["timed_out"] is True
    assert (Wait.objects.get().state, Wait.objects.get().answer) == ("timed_out", None)


@pytest.mark.parametrize("kind", [*OTHERS, *PEOPLE])
def test_after_its_time_a_wait_may_branch(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, kind: str
) -> None:
    job = asking(registered, world, "timeout", kind=kind, on_timeout="branch")
    doorbells.drain()
    clock.advance(61)
    sweep()
    doorbells.drain()
    assert (again(job).state, again(job).error) == ("completed", None)
    assert states(job) == {"ask": "failed", "after": "skipped", "late": "completed"}
    assert Node.objects.get(job=job, path="ask").ending == "timeout"
    assert world.calls[0][1] == {"value": "WAIT_TIMED_OUT"}
    assert set(Approval.objects.values_list("state", flat=True)) <= {"expired"}


def test_an_answer_in_time_takes_no_branch(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = asking(registered, world, "timeout", kind="human", on_timeout="branch")
    doorbells.drain()
    signal(job.pk, "ask-1", YES, APPROVER)
    clock.advance(61)
    assert sweep()["timed_out"] == 0
    doorbells.drain()
    assert states(job) == {"ask": "completed", "after": "completed", "late": "skipped"}


def test_a_refusal_is_no_timeout(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = asking(registered, world, "timeout", "error", kind="human", on_timeout="branch")
    doorbells.drain()
    signal(job.pk, "ask-1", {"approved": False}, APPROVER)
    doorbells.drain()
    assert (again(job).outcome, states(job)["late"]) == ("refused", "skipped")


def test_a_branch_that_leads_nowhere_is_a_failure(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = asking(registered, world, on_timeout="branch")
    doorbells.drain()
    clock.advance(61)
    sweep()
    assert (again(job).state, Node.objects.get(job=job, path="ask").ending) == ("failed", "error")


def test_a_wait_that_fails_takes_no_edge_on_timeout(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """Only one that branches does; the plan says so itself."""
    job = asking(registered, world, "timeout", on_timeout="fail")
    doorbells.drain()
    clock.advance(61)
    sweep()
    assert (again(job).state, world.called("late")) == ("failed", 0)


@pytest.mark.parametrize(
    ("on_timeout", "leads", "state"),
    [("fail", (), "failed"), ("continue", (), "pending"), ("branch", ("timeout",), "pending")],
)
def test_a_late_answer_is_refused_and_what_follows_happens_without_a_sweep(
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
    on_timeout: str,
    leads: tuple[str, ...],
    state: str,
) -> None:
    job = asking(registered, world, *leads, on_timeout=on_timeout)
    doorbells.drain()
    clock.advance(61)
    assert refused(job, {"n": 1}, APPROVER) == "WAIT_EXPIRED"
    assert again(job).state == state
    assert refused(job, {"n": 1}, APPROVER) == "WAIT_EXPIRED"


def test_two_sweeps_at_once_time_out_once(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = asking(registered, world, on_timeout="continue")
    doorbells.drain()
    clock.advance(61)
    assert sum(done.get("timed_out", 0) for done in at_once(*[partial(sweep)] * 4)) == 1
    assert event_types(job).count("node_finished") == 1


def sleeping(registered: Registered, world: World, duration: str | float) -> Job:
    """A job that looks, sleeps, and looks again."""
    look = world.tool("look")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look)
        graph.sleep("pause", duration)
        graph.tool("again", look, value=ref("pause.timed_out"))
        graph.edge("look", "pause")
        graph.edge("pause", "again")
        return graph

    registered.agent(plan, look)
    return submitted()


def test_a_job_sleeps_for_days_and_holds_no_worker(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = sleeping(registered, world, "3d")
    doorbells.drain()
    for _ in range(2):
        clock.advance(DAY)
        assert sweep() == dict.fromkeys(sweep(), 0)
        assert (again(job).state, doorbells.rung) == ("parked", [])
        assert not Node.objects.filter(job=job, state="running").exists()
    clock.advance(DAY - 60)
    assert sweep()["timed_out"] == 0
    clock.advance(61)
    assert sweep()["timed_out"] == 1
    assert sweep()["timed_out"] == 0
    doorbells.drain()
    assert (again(job).state, result_of(job), world.called("look")) == ("completed", True, 2)


@pytest.mark.parametrize("sender", [APPROVER, Sender(REQUESTER, may_signal=True, may_decide=False)])
def test_nobody_wakes_a_sleeping_job(
    registered: Registered, world: World, doorbells: Doorbells, sender: Sender
) -> None:
    job = sleeping(registered, world, 60)
    doorbells.drain()
    key = Wait.objects.get(job=job).correlation_key
    assert refused(job, {}, sender, key) == "INVALID_SIGNAL_KEY"
    assert again(job).state == "parked"


@pytest.mark.parametrize("key", ["timer:pause", "resolution:act:1"])
def test_the_keys_of_the_runtime_cannot_be_taken(key: str) -> None:
    graph = TaskGraph()
    graph.wait("ask", correlation_key=key)
    with pytest.raises(GraphError) as caught:
        graph.check()
    assert caught.value.code == "GRAPH_CORRELATION_KEY_INVALID"


@pytest.mark.parametrize(
    ("wait", "code"),
    [
        ({"correlation_key": "resolution:act:1"}, "GRAPH_CORRELATION_KEY_INVALID"),
        ({"correlation_key": "mine", "timeout": None}, "GRAPH_WAIT_INVALID"),
    ],
)
def test_a_timer_of_ones_own_keeps_the_rules(wait: dict[str, Any], code: str) -> None:
    """It takes no key of a question about an effect, and it ends."""
    graph = TaskGraph()
    graph.wait("pause", kind="timer", **wait)
    with pytest.raises(GraphError) as caught:
        graph.check()
    assert caught.value.code == code


def test_a_wait_without_a_time_waits(registered: Registered, world: World, doorbells: Doorbells, clock: Clock) -> None:
    job = asking(registered, world, timeout=None)
    doorbells.drain()
    clock.advance(1000 * DAY)
    assert sweep()["timed_out"] == 0
    assert signal(job.pk, "ask-1", {}, APPROVER) == "applied"
