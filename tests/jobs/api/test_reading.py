"""Reading jobs and their events: filters, pages without gaps, the chain, and other tenants' jobs."""

from uuid import uuid4

import pytest

from jobs.engine.submit import submit
from jobs.models import Job
from tests.conftest import Clock
from tests.doors import REQUESTER, Door, asking, door, finishing, parked, refused, writes
from tests.jobs.engine.one_tool import contradicted
from tests.world import Doorbells, Registered, World


@pytest.fixture
def requester(doorbells: Doorbells) -> Door:
    return door("requester", *REQUESTER)


def pages(requester: Door, path: str, name: str, **query: object) -> list[list[dict[str, object]]]:
    """Every page of a listing, up to the one that says that it is the last."""
    found: list[list[dict[str, object]]] = []
    cursor: dict[str, object] = {}
    while True:
        answer = requester.get(path, **query, **cursor).body
        found.append(answer[name])
        if answer["next_cursor"] is None or not answer[name]:
            return found
        cursor = {"cursor": answer["next_cursor"]}


def test_jobs_come_newest_first_in_pages_without_gaps(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    made = [requester.message().body["job_id"] for _ in range(7)]
    listed = pages(requester, "jobs", "jobs", limit=3)
    assert [len(page) for page in listed] == [3, 3, 1]
    assert [job["id"] for page in listed for job in page] == sorted(made, reverse=True)


def test_a_job_that_comes_while_paging_moves_nothing(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    made = sorted(requester.message().body["job_id"] for _ in range(4))
    first = requester.get("jobs", limit=2).body
    requester.message()
    second = requester.get("jobs", limit=2, cursor=first["next_cursor"]).body
    assert [job["id"] for job in first["jobs"] + second["jobs"]] == made[::-1]


def test_jobs_are_filtered_by_state_and_agent(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    finishing(registered, world, "quick")
    waiting = parked(requester, doorbells)
    done = requester.message(agent="quick").body["job_id"]
    doorbells.drain()

    def ids(**query: str) -> list[str]:
        return [job["id"] for job in requester.get("jobs", **query).body["jobs"]]

    assert ids(status="parked") == [waiting]
    assert ids(status="completed") == [done]
    assert ids(agent="quick") == [done]
    assert ids(agent="quick", status="parked") == []
    assert ids(agent="nobody") == []


@pytest.mark.parametrize(
    "query",
    [
        {"status": "sleeping"},
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "9" * 2000},
        {"limit": "many"},
        {"cursor": "17"},
        {"agent": "a\x00b"},
        {"agent": "x" * 201},
    ],
)
def test_a_filter_that_is_none_is_told_so(requester: Door, query: dict[str, str]) -> None:
    assert refused(lambda: requester.get("jobs", **query)) == (400, "INVALID_REQUEST")


def test_a_job_tells_what_it_waits_for(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    found = requester.get(f"jobs/{parked(requester, doorbells)}").body
    assert {"id", "agent_id", "goal", "status", "cursor", "retry_count", "created_at", "updated_at"} <= set(found)
    assert (found["agent_id"], found["status"], found["outcome"], found["retry_count"]) == (
        "test-agent",
        "parked",
        "",
        0,
    )
    assert (found["wait_correlation_key"], found["wait_node_id"]) == ("ask-1", "ask")
    assert [(wait["node_id"], wait["wait_kind"], wait["reason"]) for wait in found["waits"]] == [
        ("ask", "human", "May we?")
    ]
    assert {node["id"]: node["status"] for node in found["nodes"]} == {
        "plan": "completed",
        "look": "completed",
        "ask": "waiting",
        "pay": "blocked",
    }


def test_a_job_that_waits_for_nothing_says_so(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    found = requester.get(f"jobs/{parked(requester, doorbells)}").body
    assert (found["waits"], found["wait_correlation_key"], found["wait_node_id"]) == ([], None, None)


def test_a_job_tells_how_many_facts_contradicted_what_stands(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = contradicted(registered, world, clock)
    assert requester.get(f"jobs/{job.pk}").body["conflicts"] == 1
    finishing(registered, world, "quick")
    requester.message(agent="quick")
    assert [each["conflicts"] for each in requester.get("jobs").body["jobs"]] == [0, 1]


@pytest.mark.parametrize("rest", ["", "/events", "/replay"])
def test_a_job_of_another_tenant_does_not_exist(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells, rest: str
) -> None:
    finishing(registered, world)
    foreign = submit("test-agent", "theirs", tenant="another", requested_by="user:9/else").job_id
    assert refused(lambda: requester.get(f"jobs/{foreign}{rest}")) == (404, "JOB_NOT_FOUND")
    assert requester.get("jobs").body["jobs"] == []
    missing = uuid4()
    one = requester.get(f"jobs/{foreign}{rest}").body["error"]
    other = requester.get(f"jobs/{missing}{rest}").body["error"]
    assert str(one).replace(str(foreign), "") == str(other).replace(str(missing), "")


def test_events_come_in_order_and_their_hashes_chain(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    job_id = parked(requester, doorbells)
    events = requester.get(f"jobs/{job_id}/events").body["events"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["prev_hash"] for event in events] == ["", *(event["hash"] for event in events[:-1])]
    assert all(len(event["hash"]) == 64 for event in events)
    assert events[-1]["hash"] == bytes(Job.objects.get().head).hex()
    assert {"id", "job_id", "type", "payload", "created_at"} <= set(events[0])
    assert (events[-1]["type"], events[-1]["payload"]["correlation_key"]) == ("job_waiting", "ask-1")


def test_pages_of_events_fit_together_and_the_chain_goes_across(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    job_id = parked(requester, doorbells)
    whole = requester.get(f"jobs/{job_id}/events").body["events"]
    for limit in (1, 2, 3, len(whole)):
        listed = pages(requester, f"jobs/{job_id}/events", "events", limit=limit)
        assert [event for page in listed for event in page] == whole


def test_the_last_cursor_asks_for_what_follows(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    job_id = requester.message().body["job_id"]
    cursor = requester.get(f"jobs/{job_id}/events").body["next_cursor"]
    assert cursor == 1
    assert requester.get(f"jobs/{job_id}/events", cursor=cursor).body == {
        "job_id": job_id,
        "events": [],
        "next_cursor": 1,
    }
    doorbells.drain()
    assert requester.get(f"jobs/{job_id}/events", cursor=cursor).body["events"][0]["seq"] == 2
    assert requester.get(f"jobs/{job_id}/events", cursor=2**62).body["events"] == []


@pytest.mark.parametrize("query", [{"cursor": "-1"}, {"cursor": str(2**63)}, {"limit": "201"}, {"cursor": "x"}])
def test_a_page_of_events_that_cannot_be_is_told_so(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells, query: dict[str, str]
) -> None:
    finishing(registered, world)
    job_id = requester.message().body["job_id"]
    assert refused(lambda: requester.get(f"jobs/{job_id}/events", **query)) == (400, "INVALID_REQUEST")


def test_reading_writes_nothing(requester: Door, registered: Registered, world: World, doorbells: Doorbells) -> None:
    asking(registered, world)
    job_id = parked(requester, doorbells)
    for path in ("jobs", f"jobs/{job_id}", f"jobs/{job_id}/events", f"jobs/{job_id}/replay", "agents"):
        assert writes(lambda path=path: requester.get(path)) == []  # type: ignore[misc]
