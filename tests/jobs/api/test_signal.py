"""A signal in every situation that a wait can be in; a refusal leaves every record as it was."""

import json
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from aetheris.core.errors import ToolError
from aetheris.core.graph import TaskGraph
from jobs.engine.submit import submit
from jobs.models import Job
from signals_app.models import Approval, Signal, Wait
from tests.conftest import Clock
from tests.doors import DECIDER, REQUESTER, Door, asking, at_once, door, finishing, parked, refused, two_waits
from tests.world import Doorbells, Registered, World

YES = {"approved": True, "reason": "fine"}


@pytest.fixture
def requester(doorbells: Doorbells) -> Door:
    return door("requester", *REQUESTER)


@pytest.fixture
def approver(doorbells: Doorbells) -> Door:
    return door("approver", *DECIDER)


@pytest.fixture
def asked(requester: Door, registered: Registered, world: World, doorbells: Doorbells) -> str:
    """A job that is parked on the question whether it may pay."""
    asking(registered, world, timeout=60)
    return parked(requester, doorbells)


def test_an_answer_is_applied_and_the_job_goes_on(
    requester: Door, approver: Door, asked: str, world: World, doorbells: Doorbells
) -> None:
    answer = approver.signal(asked, "ask-1", YES)
    assert (answer.status, answer.body["job_id"], answer.body["status"]) == (200, asked, "pending")
    doorbells.drain()
    found = requester.get(f"jobs/{asked}").body
    assert (found["status"], found["outcome"], found["result"]) == ("completed", "completed", "7.50")
    assert world.called("pay") == 1


def test_the_same_answer_again_stands_already(approver: Door, asked: str, world: World, doorbells: Doorbells) -> None:
    approver.signal(asked, "ask-1", YES)
    again = approver.signal(asked, "ask-1", {"reason": "fine", "approved": True})
    assert (again.status, again.body["status"]) == (200, "already")
    doorbells.drain()
    after_the_end = approver.signal(asked, "ask-1", YES)
    assert (after_the_end.status, after_the_end.body["status"]) == (200, "already")
    assert world.called("pay") == 1


def test_a_contradicting_answer_is_a_conflict_that_shows_the_one_that_stands(approver: Door, asked: str) -> None:
    approver.signal(asked, "ask-1", YES)
    no = {"approved": False}
    assert refused(lambda: approver.signal(asked, "ask-1", no)) == (409, "SIGNAL_CONFLICT")
    assert approver.signal(asked, "ask-1", no).body["error"]["details"] == {"standing": YES}


def test_answers_at_once_leave_one_that_stands(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    two_waits(registered, world)
    job_id = parked(requester, doorbells)
    answers = at_once(*[partial(requester.signal, job_id, "first", {"n": number}) for number in range(6)])
    assert sorted(answer.status for answer in answers) == [200] + [409] * 5
    assert Signal.objects.count() == 1


def test_a_key_that_nobody_declared_is_refused(requester: Door, approver: Door, asked: str) -> None:
    assert refused(lambda: approver.signal(asked, "ask-2", YES)) == (400, "INVALID_SIGNAL_KEY")
    assert refused(lambda: requester.signal(asked, "' OR 1=1 --", {})) == (400, "INVALID_SIGNAL_KEY")


def test_an_unknown_job_and_one_of_another_tenant_are_not_found(
    approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    two_waits(registered, world)
    foreign = submit("test-agent", "theirs", tenant="another", requested_by="user:9/else").job_id
    doorbells.drain()
    for job_id in (uuid4(), foreign):
        call = partial(approver.signal, str(job_id), "first", {})
        assert refused(call) == (404, "JOB_NOT_FOUND")


def test_a_signal_before_its_wait_is_kept_and_applied_when_it_is_reached(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    two_waits(registered, world)
    job_id = parked(requester, doorbells)
    early = requester.signal(job_id, "second", {"n": 2})
    assert (early.status, early.body["status"]) == (202, "kept")
    assert Wait.objects.get(correlation_key="second").state == "declared"
    assert requester.signal(job_id, "second", {"n": 2}).status == 202
    other = {"n": 3}
    assert refused(lambda: requester.signal(job_id, "second", other)) == (409, "SIGNAL_CONFLICT")
    assert requester.signal(job_id, "second", other).body["error"]["details"] == {"standing": {"n": 2}}

    requester.signal(job_id, "first", {})
    doorbells.drain()
    found = requester.get(f"jobs/{job_id}").body
    assert (found["status"], found["result"]) == ("completed", {"n": 2})
    assert Signal.objects.get(correlation_key="second").applied_at is not None


def test_before_the_plan_is_made_no_key_is_known(
    requester: Door, approver: Door, registered: Registered, world: World
) -> None:
    asking(registered, world, timeout=None)
    job_id = str(requester.message().body["job_id"])
    assert refused(lambda: approver.signal(job_id, "ask-1", YES)) == (400, "INVALID_SIGNAL_KEY")


def test_a_decision_before_its_question_is_refused(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    pay = world.tool("pay")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("one", correlation_key="first")
        graph.wait("ask", kind="human", correlation_key="ask-1", approves="pay")
        graph.tool("pay", pay, value=1)
        graph.edge("one", "ask")
        graph.edge("ask", "pay")
        return graph

    registered.agent(plan, pay)
    job_id = parked(requester, doorbells)
    assert refused(lambda: approver.signal(job_id, "ask-1", YES)) == (409, "WAIT_NOT_OPEN")


def test_after_its_time_an_answer_is_refused_and_the_timeout_applied_at_once(
    requester: Door, approver: Door, asked: str, clock: Clock, world: World
) -> None:
    clock.advance(61)
    assert approver.signal(asked, "ask-1", YES).refusal == (409, "WAIT_EXPIRED")
    found = requester.get(f"jobs/{asked}").body
    assert (found["status"], found["error"]["code"]) == ("failed", "WAIT_TIMED_OUT")
    assert (Wait.objects.get().state, Approval.objects.get().state) == ("timed_out", "expired")
    assert refused(lambda: approver.signal(asked, "ask-1", YES)) == (409, "WAIT_EXPIRED")
    assert world.called("pay") == 0


def test_an_answer_in_the_last_moment_is_applied(approver: Door, asked: str, clock: Clock) -> None:
    clock.advance(55)
    assert approver.signal(asked, "ask-1", YES).status == 200


def test_a_wait_that_was_skipped_takes_no_signal(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    look = world.tool("look")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look, value=1)
        graph.wait("never", correlation_key="skipped")
        graph.wait("one", correlation_key="first")
        graph.edge("look", "never", when={"ref": "look", "op": ">", "value": 5})
        graph.edge("look", "one")
        return graph

    registered.agent(plan, look)
    job_id = parked(requester, doorbells)
    assert refused(lambda: requester.signal(job_id, "skipped", {})) == (400, "JOB_NOT_PARKED")
    assert requester.signal(job_id, "first", {}).status == 200
    assert requester.get(f"jobs/{job_id}").body["status"] == "completed"


def test_a_finished_job_takes_no_signal(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """The job fails while its wait is open."""
    broken = world.tool("broken")
    world.answers["broken"] = ToolError("no")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("one", correlation_key="first")
        graph.tool("broken", broken)
        return graph

    registered.agent(plan, broken)
    job_id = parked(requester, doorbells)
    assert Job.objects.get().state == "failed"
    assert refused(lambda: requester.signal(job_id, "first", {})) == (400, "JOB_NOT_PARKED")


def test_a_job_without_waits_takes_no_signal(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    job_id = parked(requester, doorbells)
    assert refused(lambda: requester.signal(job_id, "first", {})) == (400, "INVALID_SIGNAL_KEY")


UNFIT: dict[str, Any] = {
    "without approved": {},
    "approved as text": {"approved": "true"},
    "approved as number": {"approved": 1},
    "approved as null": {"approved": None},
    "a reason that is no text": {"approved": True, "reason": {"a": 1}},
    "a reason with a NUL": {"approved": True, "reason": "a\x00b"},
    "a field that nobody reads": {"approved": True, "amount": "7.50"},
}


@pytest.mark.parametrize("payload", UNFIT.values(), ids=UNFIT.keys())
def test_a_decision_that_says_nothing_is_refused_and_the_wait_stays_open(
    approver: Door, asked: str, payload: Any
) -> None:
    assert refused(lambda: approver.signal(asked, "ask-1", payload)) == (400, "SIGNAL_PAYLOAD_INVALID")
    assert approver.signal(asked, "ask-1", YES).status == 200


def test_a_field_that_nobody_reads_is_named(approver: Door, asked: str) -> None:
    answer = approver.signal(asked, "ask-1", {**YES, "resaon": "fine"})
    assert answer.body["error"]["details"] == {"resaon": ["There is no such field."]}


def test_a_schema_of_its_own_says_what_else_a_decision_may_say(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    schema = {"type": "object", "properties": {"limit": {"type": "integer"}}}
    asking(registered, world, answer=schema)
    job_id = parked(requester, doorbells)
    assert refused(lambda: approver.signal(job_id, "ask-1", {**YES, "limit": "7"})) == (400, "SIGNAL_PAYLOAD_INVALID")
    assert approver.signal(job_id, "ask-1", {**YES, "limit": 7}).status == 200


SHAPELESS = {
    "nothing": b"",
    "no payload": b'{"correlation_key": "ask-1"}',
    "no key": b'{"payload": {"approved": true}}',
    "a list as payload": b'{"correlation_key": "ask-1", "payload": [true]}',
    "null as payload": b'{"correlation_key": "ask-1", "payload": null}',
    "a text as payload": b'{"correlation_key": "ask-1", "payload": "yes"}',
    "a NUL in the key": b'{"correlation_key": "a\\u0000b", "payload": {}}',
    "a key that is too long": json.dumps({"correlation_key": "x" * 201, "payload": {}}).encode(),
}


@pytest.mark.parametrize("body", SHAPELESS.values(), ids=SHAPELESS.keys())
def test_a_body_of_another_shape_is_refused(approver: Door, asked: str, body: bytes) -> None:
    assert refused(lambda: approver.raw(f"jobs/{asked}/signal", body)) == (400, "INVALID_REQUEST")


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


UNCANONICAL = {
    "an infinity": b"1e999",
    "a lone surrogate": b'"\\ud800"',
    "a lone surrogate as key": b'{"\\udfff": 1}',
    "too deep": b"[" * 64 + b"]" * 64,
    "much too deep": b"[" * 600 + b"]" * 600,
}


@pytest.mark.parametrize("value", UNCANONICAL.values(), ids=UNCANONICAL.keys())
def test_a_value_without_canonical_form_is_refused(approver: Door, asked: str, value: bytes) -> None:
    body = b'{"correlation_key": "ask-1", "payload": {"approved": true, "x": ' + value + b"}}"
    assert refused(lambda: approver.raw(f"jobs/{asked}/signal", body)) == (400, "VALUE_NOT_CANONICAL")


def test_whatever_a_payload_holds_can_be_read_back(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """NUL, numbers that no double holds, and deep nesting."""
    two_waits(registered, world)
    job_id = parked(requester, doorbells)
    payload = {"nul\x00": "\x00", "deep": nested(60), "edge": 2**53, "long": 10**4000, "float": 1e20, "small": 5e-324}
    assert requester.signal(job_id, "second", payload).status == 202
    assert requester.signal(job_id, "second", payload).status == 202
    requester.signal(job_id, "first", {})
    doorbells.drain()
    found = requester.get(f"jobs/{job_id}").body
    expected = {**payload, "edge": str(2**53), "long": "1" + "0" * 4000, "float": "1" + "0" * 20}
    assert (found["status"], found["result"]) == ("completed", expected)
    events = requester.get(f"jobs/{job_id}/events").body["events"]
    assert expected in [event["payload"].get("payload") for event in events]
    assert requester.get(f"jobs/{job_id}/replay").body["verification"]["consistent"] is True


def test_a_payload_of_the_greatest_depth_that_is_let_in_is_passed_on_whole(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """To the next node, to events and to a replay, whatever they put around it."""
    two_waits(registered, world)
    job_id = parked(requester, doorbells)
    payload = {"deep": nested(62)}
    assert requester.signal(job_id, "second", payload).status == 202
    requester.signal(job_id, "first", {})
    doorbells.drain()
    found = requester.get(f"jobs/{job_id}").body
    assert (found["status"], found["result"]) == ("completed", payload)
    events = requester.get(f"jobs/{job_id}/events").body["events"]
    assert payload in [event["payload"].get("payload") for event in events]
    assert requester.get(f"jobs/{job_id}/replay").body["verification"]["consistent"] is True


SCHEMA = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number", "minimum": 1}}}


def test_an_answer_that_does_not_fit_its_schema_is_refused_and_the_wait_stays_open(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    two_waits(registered, world, answer=SCHEMA)
    job_id = parked(requester, doorbells)
    for unfit in ({}, {"amount": 0}, {"amount": "7"}):
        call = partial(requester.signal, job_id, "second", unfit)
        assert refused(call) == (400, "SIGNAL_PAYLOAD_INVALID")
    assert requester.signal(job_id, "second", {"amount": 7}).status == 202


@pytest.mark.parametrize("reference", ["#/nowhere", "http://127.0.0.1:9/schema", "file:///etc/passwd", "#"])
def test_a_schema_that_refers_elsewhere_fits_nothing_and_asks_nobody(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells, reference: str
) -> None:
    two_waits(registered, world, answer={"$ref": reference})
    job_id = parked(requester, doorbells)
    assert refused(lambda: requester.signal(job_id, "second", {})) == (400, "SIGNAL_PAYLOAD_INVALID")


def test_whoever_requested_a_job_may_not_decide_for_it(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    both = door("both", *REQUESTER, *DECIDER)
    asking(registered, world)
    job_id = parked(both, doorbells)
    assert refused(lambda: both.signal(job_id, "ask-1", YES)) == (403, "REQUESTER_MAY_NOT_DECIDE")
    root = door("root", superuser=True)
    own = parked(root, doorbells)
    assert refused(lambda: root.signal(own, "ask-1", YES)) == (403, "REQUESTER_MAY_NOT_DECIDE")
    assert root.signal(job_id, "ask-1", YES).status == 200


def test_deciding_needs_the_right_to_decide(requester: Door, asked: str) -> None:
    assert refused(lambda: requester.signal(asked, "ask-1", YES)) == (403, "MAY_NOT_DECIDE")
    other = door("colleague", *REQUESTER)
    assert refused(lambda: other.signal(asked, "ask-1", YES)) == (403, "MAY_NOT_DECIDE")


def test_an_ordinary_wait_is_not_answered_by_the_right_to_decide(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    two_waits(registered, world)
    job_id = parked(requester, doorbells)
    assert refused(lambda: approver.signal(job_id, "first", {})) == (403, "MAY_NOT_SIGNAL")


def test_a_decision_is_recorded_with_who_decided_about_what(requester: Door, approver: Door, asked: str) -> None:
    approver.signal(asked, "ask-1", YES)
    events = requester.get(f"jobs/{asked}/events").body["events"]
    decided = next(event for event in events if event["type"] == "wait_completed")
    assert decided["actor"].endswith("/approver")
    assert decided["payload"]["decided_by"] == decided["actor"]
    assert (decided["payload"]["step"], decided["payload"]["arguments"]) == ("pay", {"value": "7.50"})
