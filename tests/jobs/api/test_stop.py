"""Stopping a job by REST: who may, what is answered in which state, and what is recorded."""

import json
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from aetheris.core.context import ToolContext
from aetheris.core.errors import ToolError
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from jobs.engine.submit import submit
from jobs.models import Job
from ledger.models import Entry
from tests.doors import DECIDER, REQUESTER, Answer, Door, asking, at_once, door, finishing, parked, refused
from tests.world import Doorbells, Registered, World

pytestmark = pytest.mark.usefixtures("whole")


@pytest.fixture
def requester(doorbells: Doorbells) -> Door:
    return door("requester", *REQUESTER)


@pytest.fixture
def waiting(requester: Door, registered: Registered, world: World, doorbells: Doorbells) -> str:
    """A job that is parked on a question."""
    asking(registered, world)
    return parked(requester, doorbells)


def stop(caller: Door, job_id: str, body: Any = None) -> Answer:
    return caller.post(f"jobs/{job_id}/stop", body)


def test_a_parked_job_is_stopped_at_once(requester: Door, waiting: str, world: World, doorbells: Doorbells) -> None:
    answer = stop(requester, waiting, {"reason": "ordered by mistake"})
    assert (answer.status, set(answer.body)) == (200, {"job_id", "status", "message"})
    assert (answer.body["job_id"], answer.body["status"]) == (waiting, "cancelled")
    found = requester.get(f"jobs/{waiting}").body
    assert (found["status"], found["outcome"], found["error"], found["waits"]) == ("cancelled", "cancelled", None, [])
    doorbells.drain()
    assert world.called("pay") == 0


def test_who_stopped_it_and_why_is_recorded(requester: Door, waiting: str) -> None:
    stop(requester, waiting, {"reason": "ordered by mistake"})
    events = requester.get(f"jobs/{waiting}/events").body["events"]
    asked, ended = events[-2:]
    assert (asked["type"], asked["payload"]) == ("job_cancel_requested", {"reason": "ordered by mistake"})
    assert asked["actor"].endswith("/requester")
    assert ended["type"] == "job_cancelled"
    assert requester.get(f"jobs/{waiting}/replay").body["verification"]["consistent"] is True


def test_a_running_job_is_being_cancelled_until_its_tool_ends(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    answers: list[tuple[int, str]] = []

    def meanwhile(ctx: ToolContext) -> str:
        for _ in range(2):
            answer = stop(requester, str(ctx.job_id))
            answers.append((answer.status, answer.body["status"]))
        return "done"

    world.answers["look-test-agent"] = meanwhile
    job_id = parked(requester, doorbells)
    assert answers == [(200, "cancelling")] * 2
    assert requester.get(f"jobs/{job_id}").body["status"] == "cancelled"
    assert Entry.objects.get().state == "committed"


def test_an_effect_in_doubt_keeps_the_job_open(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    pay = world.tool("pay", Effect.ONCE)
    world.answers["pay"] = ConnectionResetError("half an answer")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("pay", pay)
        return graph

    registered.agent(plan, pay)
    job_id = parked(requester, doorbells)
    assert stop(requester, job_id).body["status"] == "cancelling"
    found = requester.get(f"jobs/{job_id}").body
    assert (found["status"], [wait["wait_kind"] for wait in found["waits"]]) == ("parked", ["resolution"])


def test_a_second_stop_is_answered_like_the_first(requester: Door, waiting: str) -> None:
    first = stop(requester, waiting)
    seq = Job.objects.get(pk=waiting).seq
    second = stop(requester, waiting, {"reason": "again"})
    assert (second.status, second.body) == (first.status, first.body)
    assert Job.objects.get(pk=waiting).seq == seq


def test_stops_at_once_are_one(requester: Door, waiting: str) -> None:
    answers = at_once(*[partial(stop, requester, waiting)] * 6)
    assert {(answer.status, answer.body["status"]) for answer in answers} == {(200, "cancelled")}
    events = requester.get(f"jobs/{waiting}/events").body["events"]
    assert [event["type"] for event in events].count("job_cancel_requested") == 1


@pytest.mark.parametrize(("error", "state"), [(None, "completed"), (ToolError("no"), "failed")])
def test_a_job_that_has_ended_is_not_stopped(
    requester: Door,
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    error: Exception | None,
    state: str,
) -> None:
    finishing(registered, world)
    world.answers["look-test-agent"] = error
    job_id = parked(requester, doorbells)
    assert requester.get(f"jobs/{job_id}").body["status"] == state
    assert refused(partial(stop, requester, job_id)) == (400, "JOB_FINISHED")


def test_a_stopped_job_takes_no_answer(requester: Door, waiting: str) -> None:
    approver = door("approver", *DECIDER)
    stop(requester, waiting)
    assert refused(lambda: approver.signal(waiting, "ask-1", {"approved": True})) == (400, "JOB_NOT_PARKED")


def test_an_unknown_job_and_one_of_another_tenant_are_not_found(
    requester: Door, registered: Registered, world: World
) -> None:
    finishing(registered, world)
    foreign = submit("test-agent", "theirs", tenant="another", requested_by="user:9/else").job_id
    for job_id in (uuid4(), foreign):
        assert refused(partial(stop, requester, str(job_id))) == (404, "JOB_NOT_FOUND")


def test_stopping_needs_its_own_permission(waiting: str) -> None:
    for name, rights in {"viewer": REQUESTER[:2], "decider": DECIDER}.items():
        assert refused(partial(stop, door(name, *rights), waiting)) == (403, "FORBIDDEN")
    assert stop(door("operator", "jobs.stop_job"), waiting).status == 200


UNFIT = {
    "a list": b"[1]",
    "a reason that is no text": b'{"reason": {"a": 1}}',
    "a reason that is null": b'{"reason": null}',
    "a reason with a NUL": b'{"reason": "a\\u0000b"}',
    "a reason with a lone surrogate": b'{"reason": "\\ud800"}',
    "a reason that is too long": json.dumps({"reason": "x" * 1001}).encode(),
}


@pytest.mark.parametrize("body", UNFIT.values(), ids=UNFIT.keys())
def test_a_body_of_another_shape_is_refused(requester: Door, waiting: str, body: bytes) -> None:
    assert refused(lambda: requester.raw(f"jobs/{waiting}/stop", body)) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"reason": ""}'])
def test_a_reason_is_not_needed(requester: Door, waiting: str, body: bytes) -> None:
    assert requester.raw(f"jobs/{waiting}/stop", body).status == 200
