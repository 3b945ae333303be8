"""What jobs wait for, and whether agents have work."""

from typing import Any

import pytest

from jobs.engine.submit import submit
from signals_app.models import Approval
from tests.doors import DECIDER, OPERATOR, REQUESTER, Door, asking, door, finishing, parked, refused, two_waits
from tests.world import Doorbells, Registered, World


@pytest.fixture
def requester(doorbells: Doorbells) -> Door:
    return door("requester", *REQUESTER)


def keys(answer: Any) -> list[tuple[str, str]]:
    return [(wait["job_id"], wait["correlation_key"]) for wait in answer.body["waits"]]


def test_waits_are_listed_by_their_jobs_newest_first(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    jobs = [parked(requester, doorbells) for _ in range(3)]
    expected = [(job_id, "ask-1") for job_id in sorted(jobs, reverse=True)]
    assert keys(requester.get("waits")) == expected
    first = requester.get("waits", limit=2)
    assert keys(first) == expected[:2]
    second = requester.get("waits", limit=2, cursor=first.body["next_cursor"])
    assert (keys(second), second.body["next_cursor"]) == (expected[2:], None)
    (wait,) = second.body["waits"]
    assert (wait["agent_id"], wait["node_id"], wait["wait_kind"], wait["reason"]) == (
        "test-agent",
        "ask",
        "human",
        "May we?",
    )


def test_a_wait_for_a_person_names_the_approval(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    jobs = [parked(requester, doorbells) for _ in range(2)]
    asked = {str(approval.job_id): str(approval.pk) for approval in Approval.objects.all()}
    assert {wait["job_id"]: wait["approval_id"] for wait in requester.get("waits").body["waits"]} == asked
    (wait,) = requester.get(f"jobs/{jobs[0]}").body["waits"]
    assert wait["approval_id"] == asked[jobs[0]]


def test_waits_are_found_by_kind_and_agent(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    two_waits(registered, world)
    job_id = parked(requester, doorbells)
    (wait,) = requester.get("waits", kind="signal").body["waits"]
    assert (wait["job_id"], wait["correlation_key"], wait["approval_id"]) == (job_id, "first", None)
    assert keys(requester.get("waits", kind="human")) == []
    assert keys(requester.get("waits", agent="test-agent")) == [(job_id, "first")]
    assert keys(requester.get("waits", agent="nobody")) == []
    requester.signal(job_id, "first", {})
    doorbells.drain()
    assert keys(requester.get("waits")) == [(job_id, "second")]


def test_what_others_wait_for_is_not_listed(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    submit("test-agent", "theirs", tenant="another", requested_by="user:9/else")
    doorbells.drain()
    assert keys(requester.get("waits")) == []


@pytest.mark.parametrize("query", [{"kind": "boredom"}, {"cursor": "x"}, {"limit": "0"}, {"agent": ""}])
def test_a_filter_that_is_none(requester: Door, query: dict[str, str]) -> None:
    assert refused(lambda: requester.get("waits", **query)) == (400, "INVALID_REQUEST")


def test_mine_is_what_i_may_decide_now(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    both, approver = door("both", *REQUESTER, *DECIDER), door("approver", *DECIDER)
    parked(requester, doorbells)
    own = parked(both, doorbells)
    decided = parked(requester, doorbells)
    approver.signal(decided, "ask-1", {"approved": True})
    doorbells.drain()

    def mine(caller: Door) -> set[str]:
        return {approval["job_id"] for approval in caller.get("approvals", mine="true").body["approvals"]}

    assert len(mine(approver)) == 2
    assert mine(both) == mine(approver) - {own}


def test_an_agent_has_work_until_its_last_job_has_ended(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    idle = requester.get("agents/test-agent/state").body
    assert (idle["status"], idle["current_task"], idle["updated_at"]) == ("idle", None, None)
    job_id = requester.message().body["job_id"]
    active = requester.get("agents/test-agent/state").body
    assert (active["status"], active["current_task"], active["last_checkpoint"]) == ("active", job_id, f"{job_id}:1")
    doorbells.drain()
    assert requester.get("agents/test-agent/state").body == idle


def test_the_record_of_an_agent_is_made_once(registered: Registered, world: World, doorbells: Doorbells) -> None:
    finishing(registered, world)
    operator = door("operator", *OPERATOR)
    first, second = (operator.post("agents", {"name": "test-agent"}) for _ in range(2))
    assert (first.status, first.body) == (201, second.body)
    assert first.body["id"] == "test-agent"
    assert refused(lambda: operator.post("agents", {"name": "nobody"})) == (404, "AGENT_NOT_FOUND")
