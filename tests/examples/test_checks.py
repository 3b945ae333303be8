"""The demo's checks, each on answers that are right and on answers that are not."""

import subprocess
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from examples.refund.demo import blow, checks
from examples.refund.demo.story import Broken, Story, step

KEY = "aetheris:job-1:send_refund:1"
REFUND = {"refund_id": "refund-1", "status": "success", "idempotency_key": KEY}
RESULT = {"order_id": "order-123", "amount": "100.00", "refunded": True, "refund": REFUND}
LINE = {
    "key": KEY,
    "order_id": "order-123",
    "amount_cents": 10000,
    "outcome": "applied",
    "answer": {"refund_id": "refund-1"},
}


REQUESTER, APPROVER = "user:1/requester", "user:2/approver"
FIRST, SECOND = "engine:here:71/engine", "engine:here:72/engine"


def event(type: str, node: str | None = None, *, actor: str = REQUESTER, **payload: object) -> dict[str, Any]:
    return {"type": type, "node_id": node, "actor": actor, "payload": payload}


FOUND = {"finding": "happened", "result": REFUND}
ANSWERED = {"approved": True}
RAN: dict[str, Any] = {"tool_name": "send_refund", "invocation_id": KEY, "outcome": "success", "result": REFUND}
OPENED = {"idempotency_key": KEY, "effect": "idempotent"}
DONE = {"state": "ok", "result_type": "side_effect_committed", "invocation_id": KEY}
EVENTS = [
    event("job_created"),
    event("wait_completed", "wait", correlation_key="k", payload=ANSWERED, decided_by=APPROVER),
    event("tool_invocation_started", "send_refund", **OPENED),
    event("tool_invocation_finished", "send_refund", **RAN),
    event("node_finished", "send_refund", **DONE),
    event("node_finished", "report", state="ok", result_type="pure", output=RESULT),
]
RESULTS = {"wait": ANSWERED, "send_refund": REFUND, "report": RESULT}
NODES = [{"id": "plan", "type": "plan", "status": "completed", "output": None}] + [
    {"id": node, "type": "tool", "status": "completed", "output": output} for node, output in RESULTS.items()
]
JOB = {
    "id": "job-1",
    "goal": "Refund",
    "status": "completed",
    "outcome": "completed",
    "result": RESULT,
    "nodes": NODES,
}
REPLAY = {
    "job_id": "job-1",
    "goal": "Refund",
    "current_state": {
        "completed_node_ids": list(RESULTS),
        "cursor_node": None,
        "phase": "completed",
    },
    "payload_results": RESULTS,
    "events": EVENTS,
    "verification": {"chain_valid": True, "consistent": True, "differences": []},
}


def changed(value: dict[str, Any], path: str, to: object) -> dict[str, Any]:
    """A copy with one field changed."""
    copy = deepcopy(value)
    *folders, last = path.split(".")
    place = copy
    for folder in folders:
        place = place[folder]
    place[last] = to
    return copy


@pytest.mark.parametrize(
    ("left", "right", "found"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, []),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ["a[1].b is 2 here and 3 there"]),
        ({"a": 1}, {"b": 1}, ["a is 1 here and 'nothing' there", "b is 'nothing' here and 1 there"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a is [1] here and [1, 2] there"]),
        ({"a": 1}, {"a": True}, ["a is 1 here and True there"]),
        ({"a": "1"}, {"a": 1}, ["a is '1' here and 1 there"]),
    ],
)
def test_differences_names_each_field(left: object, right: object, found: list[str]) -> None:
    assert list(checks.differences(left, right)) == found


def test_what_is_right_has_no_problems() -> None:
    assert not list(checks.deterministic(REPLAY, deepcopy(REPLAY)))
    assert not list(checks.injected(REPLAY, EVENTS, ("send_refund", "query_order")))
    assert not list(checks.state_consistent(REPLAY, JOB, EVENTS))
    assert not list(checks.refunded_once([LINE], EVENTS, JOB))
    assert not list(checks.decided(EVENTS, "k", True))
    assert not list(checks.ended_well(JOB, "order-123", True))
    assert not list(checks.not_called(("orders",), {"orders": 1, "model": 1}, {"orders": 1, "model": 2}))


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("job_id", "job-2"),
        ("goal", "Pay"),
        ("current_state.phase", "executing"),
        ("current_state.completed_node_ids", ["report"]),
        ("payload_results.report.refunded", False),
        ("payload_results", {"report": RESULT}),
        ("events", EVENTS[:-1]),
        ("verification.consistent", False),
        ("verification.differences", ["x"]),
    ],
)
def test_one_field_wrong_makes_the_state_inconsistent(path: str, to: object) -> None:
    assert list(checks.state_consistent(changed(REPLAY, path, to), JOB, EVENTS))


def test_a_job_with_another_result_than_its_report_is_inconsistent() -> None:
    assert list(checks.state_consistent(REPLAY, changed(JOB, "result.amount", "1.00"), EVENTS))


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [LINE, LINE],
        [changed(LINE, "outcome", "replayed")],
        [changed(LINE, "key", "another")],
        [changed(LINE, "amount_cents", 100)],
        [changed(LINE, "order_id", "order-124")],
        [changed(LINE, "answer.refund_id", "refund-2")],
    ],
)
def test_any_other_log_of_the_provider_is_a_problem(lines: list[dict[str, Any]]) -> None:
    assert list(checks.refunded_once(lines, EVENTS, JOB))


def test_a_refused_job_must_have_no_request_at_all() -> None:
    refused = {"result": {**RESULT, "refunded": False, "refund": None}}
    assert not list(checks.refunded_once([], EVENTS[:2], refused))
    assert list(checks.refunded_once([LINE], EVENTS[:2], refused))


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("payload.decided_by", REQUESTER),
        ("payload.correlation_key", "other"),
        ("payload.payload", {"approved": False}),
    ],
)
def test_a_decision_by_the_wrong_person_or_about_something_else(path: str, to: object) -> None:
    assert list(checks.decided([EVENTS[0], changed(EVENTS[1], path, to)], "k", True))
    assert list(checks.decided(EVENTS[:1], "k", True))


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("status", "failed"),
        ("outcome", "refused"),
        ("result.order_id", "order-1"),
        ("result.refunded", False),
    ],
)
def test_a_job_that_did_not_end_well(path: str, to: object) -> None:
    assert list(checks.ended_well(changed(JOB, path, to), "order-123", True))


def test_a_cross_names_what_was_found_and_is_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    story = Story()
    assert story.check("Fine", [])
    assert story.all_well
    with pytest.raises(Broken):
        story.require("Bad", ["one", "two"])
    assert not story.all_well
    assert capsys.readouterr().out == "✓ Fine\n✗ Bad\n    one\n    two\n"


def test_an_answer_that_cannot_be_read_is_a_cross(capsys: pytest.CaptureFixture[str]) -> None:
    def unreadable() -> Iterator[str]:
        yield {"a": "b"}["c"]

    assert not Story().check("Fine", unreadable())
    assert "✗ Fine\n    the answer does not have the agreed form" in capsys.readouterr().out


def test_a_job_whose_rows_say_something_else_is_inconsistent() -> None:
    assert list(checks.state_consistent(REPLAY, changed(JOB, "nodes", NODES[:-1]), EVENTS))


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (event("tool_invocation_finished", "send_refund", **RAN), f"send_refund → success (idempotency_key: {KEY})"),
        (event("tool_invocation_finished", "look", tool_name="t", outcome="failure", error={}), "look → failure"),
        (
            event("tool_invocation_finished", "pay", tool_name="t.reconcile", outcome="success", result=FOUND),
            "pay: the provider was asked → happened",
        ),
        (
            event("tool_invocation_finished", "pay", tool_name="t.reconcile", outcome="failure", error={}),
            "pay: the provider was asked → no answer",
        ),
        (event("node_reclaimed", "pay"), "pay → its worker was lost, another one takes it"),
        (
            event("effect_resolved", "pay", decided_by=APPROVER, resolution="happened"),
            "pay: approver says → happened",
        ),
        (event("node_finished", "report", state="ok", result_type="pure"), "report → success"),
        (event("node_finished", "wait", state="skipped", result_type="skipped"), "wait → skipped"),
        (event("node_finished", "send_refund", **DONE), None),
        (event("job_failed", error={"code": "NO", "message": "way"}), "Job failed: NO: way"),
        (event("node_started", "report"), None),
    ],
)
def test_each_step_has_its_line(told: dict[str, Any], line: str | None) -> None:
    assert step(told) == line


@pytest.mark.parametrize(
    ("model", "said"), [("gpt-x", "model: gpt-x"), ("rules-not-an-llm", "rules-not-an-llm: rules, not an LLM")]
)
def test_the_line_of_a_decision_says_who_decided(model: str, said: str) -> None:
    result = {"llm_model": model, "answer": {"decision": "approval required"}}
    told = event("llm_invocation_finished", "llm", outcome="success", result=result)
    assert step(told) == f'llm → "approval required" ({said})'


# The crash in the middle

CUT_OFF = [event("job_created"), event("tool_invocation_started", "send_refund", **OPENED)]
RECOVERED = [
    *CUT_OFF,
    event("node_reclaimed", "send_refund", actor=SECOND),
    event("node_finished", "send_refund", actor=SECOND, **DONE),
    event("node_finished", "report", actor=SECOND, state="ok"),
]


def test_in_the_middle_it_is_applied_there_and_not_recorded_here() -> None:
    assert not list(checks.in_the_middle([LINE], CUT_OFF))
    assert list(checks.in_the_middle([], CUT_OFF))
    assert list(checks.in_the_middle([LINE, LINE], CUT_OFF))
    assert list(checks.in_the_middle([changed(LINE, "outcome", "refused")], CUT_OFF))
    assert list(checks.in_the_middle([changed(LINE, "key", "another")], CUT_OFF))
    assert list(checks.in_the_middle([LINE], CUT_OFF[:1]))
    assert list(checks.in_the_middle([LINE], [*CUT_OFF, event("tool_invocation_finished", "send_refund", **RAN)]))


@pytest.mark.parametrize(("place", "by"), [(3, FIRST), (4, FIRST)])
def test_the_killed_worker_ends_nothing_any_more(place: int, by: str) -> None:
    assert not list(checks.another_one(RECOVERED, 71))
    events = deepcopy(RECOVERED)
    events[place]["actor"] = by
    assert list(checks.another_one(events, 71))


def test_a_node_that_was_not_taken_back_exactly_once_is_a_problem() -> None:
    assert list(checks.another_one([*RECOVERED[:2], *RECOVERED[3:]], 71))
    assert list(checks.another_one([RECOVERED[2], *RECOVERED], 71))


def test_two_requests_are_right_when_that_is_what_the_class_means() -> None:
    twice = [LINE, {**changed(LINE, "outcome", "replayed"), "answer": {}}]
    assert not list(checks.refunded_once(twice, EVENTS, JOB, requests=2))
    assert list(checks.refunded_once([LINE], EVENTS, JOB, requests=2))
    assert list(checks.refunded_once([LINE, LINE], EVENTS, JOB, requests=2))
    assert list(checks.refunded_once([LINE, changed(twice[1], "amount_cents", 1)], EVENTS, JOB, requests=2))


def test_a_question_to_the_provider_is_no_refund_of_its_own() -> None:
    asking = event("tool_invocation_started", "send_refund", idempotency_key="a question's own", effect="read")
    assert not list(checks.refunded_once([LINE], [*EVENTS, asking], JOB))


def test_the_provider_was_asked_about_that_key_or_not_at_all() -> None:
    asked = [{"key": KEY, "found": True}]
    assert not list(checks.asked_about(asked, EVENTS, expected=True))
    assert not list(checks.asked_about([], EVENTS, expected=False))
    assert list(checks.asked_about([], EVENTS, expected=True))
    assert list(checks.asked_about(asked, EVENTS, expected=False))
    assert list(checks.asked_about([{"key": "another", "found": True}], EVENTS, expected=True))


PARKED = {"status": "parked", "waits": [{"wait_kind": "resolution"}]}
UNKNOWN = [*CUT_OFF, event("tool_invocation_finished", "send_refund", tool_name="t", outcome="unknown", error={})]
SETTLED_BY = "2026-11-20T10:00:00+00:00"


def test_what_nobody_knows_is_shown() -> None:
    assert not list(checks.shown(PARKED, UNKNOWN))
    assert list(checks.shown({**PARKED, "status": "running"}, UNKNOWN))
    assert list(checks.shown({**PARKED, "waits": []}, UNKNOWN))
    assert list(checks.shown(PARKED, CUT_OFF))


def test_no_is_refused_until_the_moment_that_was_named() -> None:
    told = [event("job_waiting", "send_refund", settled_by=SETTLED_BY)]
    assert not list(checks.refused_for_now("EFFECT_NOT_SETTLED", {"settled_by": SETTLED_BY}, told))
    assert list(checks.refused_for_now("not refused", {"settled_by": SETTLED_BY}, told))
    later = SETTLED_BY.replace("10", "11")
    assert list(checks.refused_for_now("EFFECT_NOT_SETTLED", {"settled_by": later}, told))


@pytest.mark.parametrize(
    ("field", "to"), [("resolution", "did_not_happen"), ("decided_by", REQUESTER), ("decided_by", FIRST)]
)
def test_a_resolution_is_another_persons_word(field: str, to: str) -> None:
    told = event("effect_resolved", "send_refund", resolution="happened", decided_by=APPROVER)
    assert not list(checks.resolved([EVENTS[0], told], "approver"))
    assert list(checks.resolved(EVENTS[:1], "approver"))
    assert list(checks.resolved([EVENTS[0], changed(told, f"payload.{field}", to)], "approver"))


def test_only_a_worker_of_the_instance_is_killed() -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        assert list(blow.kill(bystander.pid, {1: "worker-1"}))
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
