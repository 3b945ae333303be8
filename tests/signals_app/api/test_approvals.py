"""What people are asked: shown with the exact arguments, decided once, by somebody else."""

from functools import partial
from uuid import UUID, uuid4

import pytest

from jobs.engine.submit import submit
from jobs.models import Job
from signals_app.models import Approval
from tests.conftest import Clock
from tests.doors import DECIDER, REQUESTER, Door, asking, at_once, door, parked, refused, writes
from tests.world import Doorbells, Registered, World, again


@pytest.fixture
def requester(doorbells: Doorbells) -> Door:
    return door("requester", *REQUESTER)


@pytest.fixture
def approver(doorbells: Doorbells) -> Door:
    return door("approver", *DECIDER)


@pytest.fixture
def job_id(requester: Door, registered: Registered, world: World, doorbells: Doorbells) -> str:
    asking(registered, world, timeout=60)
    return parked(requester, doorbells)


@pytest.fixture
def approval_id(job_id: str) -> str:
    return str(Approval.objects.get(job_id=job_id).pk)


def test_a_question_shows_the_exact_arguments(approver: Door, job_id: str, approval_id: str) -> None:
    listed = approver.get("approvals").body
    assert (len(listed["approvals"]), listed["next_cursor"]) == (1, None)
    shown = approver.get(f"approvals/{approval_id}").body
    assert shown == listed["approvals"][0]
    assert (shown["id"], shown["job_id"], shown["agent_id"]) == (approval_id, job_id, "test-agent")
    assert (shown["tool"], shown["step"], shown["arguments"]) == ("pay", "pay", {"value": "7.50"})
    assert (shown["status"], shown["reason"], shown["node_id"], shown["correlation_key"]) == (
        "pending",
        "May we?",
        "ask",
        "ask-1",
    )
    assert shown["requested_by"].endswith("/requester")
    assert (shown["decided_by"], shown["decided_at"], shown["decision_reason"]) == ("", None, "")


def test_what_is_approved_happens(
    requester: Door, approver: Door, job_id: str, approval_id: str, world: World, doorbells: Doorbells
) -> None:
    answer = approver.post(f"approvals/{approval_id}/approve", {"reason": "fine"})
    assert (answer.status, answer.body["job_id"], answer.body["status"]) == (200, job_id, "pending")
    doorbells.drain()
    assert requester.get(f"jobs/{job_id}").body["outcome"] == "completed"
    assert world.called("pay") == 1
    shown = approver.get(f"approvals/{approval_id}").body
    assert (shown["status"], shown["decision_reason"]) == ("approved", "fine")
    assert shown["decided_by"].endswith("/approver")
    assert shown["decided_at"] is not None


def test_what_is_rejected_never_happens(
    requester: Door, approver: Door, job_id: str, approval_id: str, world: World, doorbells: Doorbells
) -> None:
    assert approver.post(f"approvals/{approval_id}/reject").status == 200
    doorbells.drain()
    found = requester.get(f"jobs/{job_id}").body
    assert (found["status"], found["outcome"]) == ("completed", "refused")
    assert world.called("pay") == 0
    assert approver.get(f"approvals/{approval_id}").body["status"] == "refused"


def test_the_same_decision_again_stands_already(approver: Door, approval_id: str) -> None:
    approver.post(f"approvals/{approval_id}/approve")
    second = approver.post(f"approvals/{approval_id}/approve")
    assert (second.status, second.body["status"]) == (200, "already")


def test_another_decision_is_a_conflict(approver: Door, approval_id: str) -> None:
    approver.post(f"approvals/{approval_id}/approve", {"reason": "fine"})
    path = f"approvals/{approval_id}"
    assert refused(lambda: approver.post(f"{path}/reject")) == (409, "SIGNAL_CONFLICT")
    assert refused(lambda: approver.post(f"{path}/approve", {"reason": "better"})) == (409, "SIGNAL_CONFLICT")
    details = approver.post(f"{path}/reject").body["error"]["details"]
    assert details == {"standing": {"approved": True, "reason": "fine"}}


def test_of_two_who_decide_at_once_one_wins_and_the_other_is_told(
    approver: Door, approval_id: str, job_id: str
) -> None:
    other = door("second", *DECIDER)
    answers = at_once(
        partial(approver.post, f"approvals/{approval_id}/approve"),
        partial(other.post, f"approvals/{approval_id}/reject"),
    )
    assert sorted(answer.status for answer in answers) == [200, 409]
    won = "approved" if answers[0].status == 200 else "refused"
    approval = Approval.objects.get()
    assert approval.state == won
    assert approval.decided_by.endswith("/approver" if won == "approved" else "/second")


def test_of_two_who_decide_alike_at_once_both_are_content(approver: Door, approval_id: str) -> None:
    other = door("second", *DECIDER)
    answers = at_once(
        *[partial(caller.post, f"approvals/{approval_id}/approve") for caller in (approver, other, approver)]
    )
    assert sorted(answer.body["status"] for answer in answers) == ["already", "already", "pending"]


def test_whoever_requested_may_not_decide(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    both = door("both", *REQUESTER, *DECIDER)
    asking(registered, world)
    parked(both, doorbells)
    path = f"approvals/{Approval.objects.get().pk}"
    for verb in ("approve", "reject"):
        call = partial(both.post, f"{path}/{verb}")
        assert refused(call) == (403, "REQUESTER_MAY_NOT_DECIDE")


def test_without_the_right_nothing_is_seen_or_decided(requester: Door, approval_id: str) -> None:
    path = f"approvals/{approval_id}"
    assert refused(lambda: requester.get("approvals")) == (403, "FORBIDDEN")
    assert refused(lambda: requester.get(path)) == (403, "FORBIDDEN")
    assert refused(lambda: requester.post(f"{path}/approve")) == (403, "FORBIDDEN")
    assert refused(lambda: Door().post(f"{path}/reject")) == (401, "UNAUTHORIZED")


def test_a_get_decides_nothing(approver: Door, approval_id: str) -> None:
    call = partial(approver.get, f"approvals/{approval_id}/approve")
    assert refused(call) == (405, "METHOD_NOT_ALLOWED")


def test_after_its_time_nobody_decides(approver: Door, approval_id: str, job_id: str, clock: Clock) -> None:
    clock.advance(61)
    assert approver.post(f"approvals/{approval_id}/approve").refusal == (409, "WAIT_EXPIRED")
    assert approver.get(f"approvals/{approval_id}").body["status"] == "expired"
    assert again(Job.objects.get()).state == "failed"


@pytest.mark.parametrize("reason", [{"reason": "a\x00b"}, {"reason": "x" * 10_001}, {"reason": [1]}, ["no"], "fine"])
def test_a_reason_that_is_none_is_told_so(approver: Door, approval_id: str, reason: object) -> None:
    call = partial(approver.post, f"approvals/{approval_id}/approve", reason)
    assert refused(call) == (400, "INVALID_REQUEST")


def test_a_decision_needs_no_body(approver: Door, approval_id: str) -> None:
    assert approver.send("POST", f"approvals/{approval_id}/approve").status == 200


def test_another_tenant_s_question_does_not_exist(
    approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    submit("test-agent", "theirs", tenant="another", requested_by="user:9/else")
    doorbells.drain()
    foreign = Approval.objects.get().pk
    for missing in (foreign, uuid4()):
        for call in (
            partial(approver.get, f"approvals/{missing}"),
            partial(approver.post, f"approvals/{missing}/approve"),
            partial(approver.post, f"approvals/{missing}/reject"),
        ):
            assert refused(call) == (404, "APPROVAL_NOT_FOUND")
    assert approver.get("approvals").body["approvals"] == []


def test_questions_come_newest_first_in_pages_without_gaps(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    for _ in range(5):
        parked(requester, doorbells)
    approver.post(f"approvals/{Approval.objects.order_by('id')[0].pk}/approve")
    first = approver.get("approvals", limit=3).body
    second = approver.get("approvals", limit=3, cursor=first["next_cursor"]).body
    ids = [UUID(each["id"]) for each in first["approvals"] + second["approvals"]]
    assert ids == sorted(Approval.objects.values_list("pk", flat=True), reverse=True)
    assert second["next_cursor"] is None
    assert len(approver.get("approvals", status="pending").body["approvals"]) == 4
    assert len(approver.get("approvals", status="approved").body["approvals"]) == 1
    assert refused(lambda: approver.get("approvals", status="maybe")) == (400, "INVALID_REQUEST")


def test_looking_writes_nothing(approver: Door, approval_id: str) -> None:
    assert writes(lambda: approver.get("approvals")) == []
    assert writes(lambda: approver.get(f"approvals/{approval_id}")) == []
