"""What people are asked about unknown effects: everything that was tried, and what the asker may say."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from aetheris.core.handlers import Hooks
from jobs.engine.submit import submit
from jobs.models import Job
from ledger.models import Entry
from signals_app.models import UnknownOutcome, Wait
from tests.conftest import Clock
from tests.doors import DECIDER, REQUESTER, Door, door, parked, refused, writes
from tests.signals_app.doubt import SETTLE, breaking_off, cannot_say
from tests.world import Doorbells, Registered, World, again

pytestmark = pytest.mark.usefixtures("whole")


@pytest.fixture
def requester(doorbells: Doorbells) -> Door:
    return door("requester", *REQUESTER)


@pytest.fixture
def approver(database: None) -> Door:
    return door("approver", *DECIDER)


def listed(who: Door, **query: Any) -> list[dict[str, Any]]:
    answer = who.get("resolutions", **query)
    assert answer.status == 200
    found: list[dict[str, Any]] = answer.body["resolutions"]
    return found


def only(who: Door, **query: Any) -> dict[str, Any]:
    (one,) = listed(who, **query)
    return one


def say(who: Door, about: dict[str, Any], resolution: str, **more: Any) -> int:
    body = {"correlation_key": about["correlation_key"], "resolution": resolution, **more}
    return who.post(f"jobs/{about['job_id']}/resolve", body).status


def answers(told: dict[str, Any]) -> list[str]:
    return [answer["resolution"] for answer in told["answers"]]


def test_a_question_tells_everything_that_was_tried(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    breaking_off(registered, world, {"amount": "7.50"})
    job_id = parked(requester, doorbells)
    entry, told = Entry.objects.get(), only(approver)
    assert {name: told[name] for name in told if name not in ("id", "asked_at", "answers")} == {
        "job_id": job_id,
        "agent_id": "test-agent",
        "node_id": "send",
        "correlation_key": "resolution:send:1",
        "status": "open",
        "reason": "Did pay happen? ConnectionResetError: half an answer",
        "requested_by": Job.objects.get().requested_by,
        "tool": "pay",
        "tool_version": "1",
        "effect": "once",
        "arguments": {"value": {"amount": "7.50"}},
        "idempotency_key": f"aetheris:{job_id}:send:1",
        "attempt": 1,
        "sends": 1,
        "first_sent_at": moment(entry.first_sent_at),
        "send_by": moment(entry.send_by),
        "settled_by": moment(entry.settled_by),
        "can_ask": False,
        "proposed_by": "",
        "resolution": "",
        "resolved_by": "",
        "resolved_at": None,
    }
    settled = moment(entry.settled_by + timedelta(seconds=1))
    assert told["answers"] == [
        {"resolution": "happened", "not_before": None},
        {"resolution": "did_not_happen", "not_before": settled},
        {"resolution": "send_again", "not_before": settled},
    ]


def moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def test_what_is_listed_as_possible_is_taken_and_nothing_else(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """Every answer is tried from one and the same state: before and after `not_before`, with a hook and without."""
    for hook, ahead in ((None, 0.0), (cannot_say, 0.0), (None, SETTLE + 60), (cannot_say, SETTLE + 60)):
        taken, promised = set(), set()
        for resolution in ("happened", "did_not_happen", "send_again", "ask"):
            registered.forget()
            breaking_off(registered, world, hooks=Hooks(reconcile=hook))
            job_id = parked(requester, doorbells)
            clock.advance(ahead)
            told = next(each for each in listed(approver) if each["job_id"] == job_id)
            now = moment(Job.objects.now())
            if any(
                answer["resolution"] == resolution and (answer["not_before"] or "") <= now for answer in told["answers"]
            ):
                promised.add(resolution)
            if say(approver, told, resolution, result=1) in (200, 202):
                taken.add(resolution)
        assert taken == promised
        assert ("ask" in taken, "send_again" in taken) == (hook is not None, ahead > 0)


def test_whoever_requested_may_say_nothing(
    registered: Registered, world: World, doorbells: Doorbells, approver: Door
) -> None:
    both = door("both", *REQUESTER, *DECIDER)
    breaking_off(registered, world)
    parked(both, doorbells)
    assert answers(only(both)) == []
    assert answers(only(approver)) == ["happened", "did_not_happen", "send_again"]


def test_whoever_proposed_to_send_again_waits_for_somebody_else(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    breaking_off(registered, world)
    parked(requester, doorbells)
    clock.advance(SETTLE + 60)
    assert say(approver, only(approver), "send_again") == 202
    second = door("second", *DECIDER)
    assert only(second)["proposed_by"].endswith("/approver")
    assert answers(only(approver)) == ["happened", "did_not_happen"]
    assert answers(only(second)) == ["happened", "did_not_happen", "send_again"]
    assert say(second, only(second), "send_again") == 200


def test_a_job_that_starts_nothing_more_sends_and_asks_nothing(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    breaking_off(registered, world, hooks=Hooks(reconcile=cannot_say))
    job_id = parked(requester, doorbells)
    assert answers(only(approver)) == ["happened", "did_not_happen", "send_again", "ask"]
    requester.post(f"jobs/{job_id}/stop")
    assert answers(only(approver)) == ["happened", "did_not_happen"]


def test_a_tool_that_is_gone_can_neither_be_asked_nor_have_a_result(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    breaking_off(registered, world, hooks=Hooks(reconcile=cannot_say))
    parked(requester, doorbells)
    registered.forget()
    assert (only(approver)["can_ask"], answers(only(approver))) == (False, ["did_not_happen", "send_again"])
    assert say(approver, only(approver), "happened", result=1) == 404


def test_what_was_answered_is_another_list(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    breaking_off(registered, world)
    parked(requester, doorbells)
    assert say(approver, only(approver), "happened", result="paid") == 200
    assert listed(approver) == []
    told = only(approver, status="resolved")
    assert (told["status"], told["resolution"], told["answers"]) == ("resolved", "happened", [])
    assert told["resolved_by"].endswith("/approver")
    assert told["resolved_at"] is not None


def test_each_question_about_one_effect_is_about_the_attempt_that_it_asks_for(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """Asked in vain it is a second question about the same attempt; sent again, one about the next attempt."""
    breaking_off(registered, world, hooks=Hooks(reconcile=cannot_say))
    parked(requester, doorbells)
    say(approver, only(approver), "ask")
    settle_down(doorbells, clock)
    told = only(approver)
    assert (told["correlation_key"], told["attempt"], told["sends"]) == ("resolution:send:1:2", 1, 1)
    assert "the bank's books are closed" in told["reason"]
    clock.advance(SETTLE + 60)
    say(approver, told, "send_again")
    say(door("second", *DECIDER), told, "send_again")
    settle_down(doorbells, clock)
    told = only(approver)
    assert (told["correlation_key"], told["attempt"]) == ("resolution:send:2", 2)
    assert told["idempotency_key"].endswith(":send:2")
    resolved = listed(approver, status="resolved")
    assert [(each["attempt"], each["resolution"]) for each in resolved] == [(1, "send_again"), (1, "ask")]


def settle_down(doorbells: Doorbells, clock: Clock) -> None:
    from jobs.engine.sweep import sweep

    for _ in range(4):
        doorbells.drain()
        clock.advance(60)
        sweep()


def test_long_arguments_are_told_whole(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    breaking_off(registered, world, "x" * 5000)
    parked(requester, doorbells)
    assert only(approver)["arguments"] == {"value": "x" * 5000}


def test_questions_come_newest_first_in_pages_without_gaps(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    breaking_off(registered, world)
    made = [parked(requester, doorbells) for _ in range(5)]
    first = approver.get("resolutions", limit=2).body
    newest = parked(requester, doorbells)
    second = approver.get("resolutions", limit=2, cursor=first["next_cursor"]).body
    third = approver.get("resolutions", limit=2, cursor=second["next_cursor"]).body
    pages = [[each["job_id"] for each in page["resolutions"]] for page in (first, second, third)]
    assert pages == [made[:2:-1], made[2:0:-1], made[:1]]
    assert third["next_cursor"] is None
    assert listed(approver, limit=1)[0]["job_id"] == newest


def test_a_page_takes_as_many_queries_as_one_question(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            listed(approver)
        return len(captured)

    breaking_off(registered, world, "x" * 5000)
    parked(requester, doorbells)
    one = queries()
    for _ in range(6):
        parked(requester, doorbells)
    assert (len(listed(approver)), queries()) == (7, one)


def test_only_questions_of_the_tenant_are_listed(
    approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    breaking_off(registered, world)
    foreign = submit("test-agent", "theirs", tenant="another", requested_by="user:9/else").job_id
    doorbells.drain()
    assert again(Job.objects.get(pk=foreign)).state == "parked"
    assert listed(approver) == []


@pytest.mark.parametrize(
    "query", [{"status": "cancelled"}, {"limit": "0"}, {"limit": "101"}, {"cursor": "17"}, {"cursor": "a\x00b"}]
)
def test_a_filter_that_is_none_is_told_so(approver: Door, query: dict[str, str]) -> None:
    assert refused(lambda: approver.get("resolutions", **query)) == (400, "INVALID_REQUEST")


def test_reading_writes_nothing(
    requester: Door, approver: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    breaking_off(registered, world)
    parked(requester, doorbells)
    assert writes(lambda: listed(approver)) == []


def test_the_face_shows_the_columns_of_the_wait() -> None:
    def columns(model: type[models.Model]) -> dict[str | None, tuple[str | None, bool]]:
        fields = [field for field in model._meta.get_fields() if isinstance(field, models.Field) and field.column]
        return {field.column: (field.db_type(connection), field.null) for field in fields}

    wait, face = columns(Wait), columns(UnknownOutcome)
    never_null = {"question_id", "opened_at"}
    assert {name: wait[name][0] for name in face} == {name: kind for name, (kind, _) in face.items()}
    assert {name for name in face if wait[name] != face[name]} == never_null
