"""Unknown outcomes in the admin: what was tried is shown; each answer is confirmed, and given by POST."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from aetheris.core.handlers import Hooks
from jobs.engine.possible import Resolution
from jobs.engine.submit import submit
from jobs.models import Job
from signals_app.admin.questions import RESOLUTIONS
from signals_app.models import UnknownOutcome
from tests.conftest import Clock
from tests.doors import DECIDER, REQUESTER, VIEWER, door_of, every_record, parked, person
from tests.jobs.engine.test_world_check import branching
from tests.signals_app.doubt import SETTLE, breaking_off, cannot_say, question
from tests.world import Doorbells, Registered, World, again, result_of

LIST = "/admin/signals_app/unknownoutcome/"
EVIL = "<script>alert('evil')</script>"
BUTTONS = ("_happened", "_did_not_happen", "_send_again", "_ask")
pytestmark = pytest.mark.usefixtures("whole")


@pytest.fixture
def requester(doorbells: Doorbells) -> Any:
    return person("requester", *REQUESTER, *VIEWER, *DECIDER, staff=True)


@pytest.fixture
def unknown(requester: Any, registered: Registered, world: World, doorbells: Doorbells) -> UnknownOutcome:
    """A question about a payment whose arguments, error and asking are all hostile."""
    breaking_off(registered, world, EVIL, Hooks(reconcile=cannot_say))
    world.answers["pay"] = ConnectionResetError(EVIL)
    parked(door_of(requester), doorbells)
    return question()


def as_staff(name: str, *rights: str, enforce_csrf_checks: bool = False) -> Client:
    client = Client(enforce_csrf_checks=enforce_csrf_checks)
    client.force_login(person(name, *rights, staff=True))
    return client


@pytest.fixture
def approver(database: None) -> Client:
    return as_staff("approver", *DECIDER, *VIEWER)


def page(unknown: UnknownOutcome) -> str:
    return f"{LIST}{unknown.pk}/change/"


def say(client: Client, unknown: UnknownOutcome, resolution: str, **more: str) -> str:
    """The last message after an answer that was confirmed."""
    response = client.post(page(unknown), {f"_{resolution}": "yes", "confirmed": "yes", **more})
    assert (response.status_code, response["Location"]) == (302, page(unknown))
    return str(list(get_messages(response.wsgi_request))[-1])


def buttons(client: Client, unknown: UnknownOutcome) -> list[str]:
    shown = client.get(page(unknown)).content.decode()
    return [button.strip("_") for button in BUTTONS if f'name="{button}"' in shown]


def state() -> str:
    return str(again(Job.objects.get()).state)


def test_open_questions_are_listed_and_what_people_wrote_is_only_text(
    approver: Client, unknown: UnknownOutcome
) -> None:
    listed = approver.get(LIST).content.decode()
    shown = approver.get(page(unknown)).content.decode()
    assert str(unknown.pk) in listed
    for expected in (f"aetheris:{unknown.job_id}:send:1", "pay, version 1, once", "unknown", "test-agent", "UTC"):
        assert expected in shown
    confirmed = approver.post(page(unknown), {"_happened": "x", "result": f'"{EVIL}"', "reason": EVIL})
    for text in (listed, shown, confirmed.content.decode()):
        assert "<script>alert(" not in text
        assert "&lt;script&gt;alert(" in text


def test_what_was_answered_is_found_among_the_answered(approver: Client, unknown: UnknownOutcome) -> None:
    assert str(unknown.pk) not in approver.get(LIST, {"status": "resolved"}).content.decode()
    assert say(approver, unknown, "happened", result="1") == "The answer is applied; the job goes on."
    assert str(unknown.pk) not in approver.get(LIST).content.decode()
    for status in ("resolved", "all"):
        assert str(unknown.pk) in approver.get(LIST, {"status": status}).content.decode()
    assert buttons(approver, unknown) == []


def test_the_list_takes_no_query_for_each_question(
    requester: Any, approver: Client, unknown: UnknownOutcome, doorbells: Doorbells
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert approver.get(LIST).status_code == 200
        return len(captured)

    one = queries()
    for _ in range(4):
        parked(door_of(requester), doorbells)
    assert queries() == one


def test_it_happened_with_this_result(approver: Client, unknown: UnknownOutcome) -> None:
    assert say(approver, unknown, "happened", result='{"id": 7}', reason="seen in the bank's list") == (
        "The answer is applied; the job goes on."
    )
    job = Job.objects.get()
    assert (state(), result_of(job)) == ("completed", {"id": 7})
    stored = UnknownOutcome.objects.get(pk=unknown.pk)
    assert (stored.resolution, stored.answered_by.split("/")[1]) == ("happened", "approver")


@pytest.mark.parametrize("result", ["", "{", "[1,", "[" * 100_000, "1e", "NaN"])
def test_a_result_that_is_no_json_is_told(approver: Client, unknown: UnknownOutcome, result: str) -> None:
    before = every_record()["signals_app_wait"]
    told = say(approver, unknown, "happened", result=result)
    assert "JSON" in told
    assert every_record()["signals_app_wait"] == before


def test_what_was_typed_in_an_answer_that_was_refused_is_kept_for_one_more_look(
    approver: Client, unknown: UnknownOutcome
) -> None:
    told = say(approver, unknown, "happened", result="{oops", reason="seen in the list")
    assert told == 'The result is no JSON. Write JSON, such as {"text": "…"}.'
    for kept in (True, False):
        shown = approver.get(page(unknown)).content.decode()
        assert ('value="seen in the list"' in shown, ">{oops</textarea>" in shown) == (kept, kept)


def test_each_answer_is_confirmed_before_it_is_given(approver: Client, unknown: UnknownOutcome, clock: Clock) -> None:
    clock.advance(SETTLE + 60)
    assert buttons(approver, unknown) == ["happened", "did_not_happen", "send_again", "ask"]
    before = every_record()
    for button in BUTTONS:
        response = approver.post(page(unknown), {button: "x", "result": "[7]", "reason": "so it seems"})
        asked = response.content.decode()
        assert response.status_code == 200
        assert f'name="{button}"' in asked
        assert f'name="confirmed" value="{RESOLUTIONS[Resolution(button.strip("_"))][0]}"' in asked
        assert 'value="so it seems"' in asked
        assert ('value="[7]"' in asked) == (button == "_happened")
        back = approver.get(page(unknown)).content.decode()
        assert ('value="so it seems"' in back, ">[7]</textarea>" in back) == (True, True)
    assert {name for name, rows in every_record().items() if rows != before[name]} <= {"django_session"}


def test_it_did_not_happen_only_once_nothing_can_take_effect_any_more(
    approver: Client, unknown: UnknownOutcome, clock: Clock
) -> None:
    from ledger.models import Entry

    settled = Entry.objects.get().settled_by
    early = approver.get(page(unknown)).content.decode()
    assert f"Look again after {settled:%Y-%m-%d %H:%M:}" in early
    assert early.count("UTC: what was sent may take effect") == early.count(" disabled>") == 2
    assert settled.isoformat() in say(approver, unknown, "did_not_happen")
    assert state() == "parked"
    clock.advance(SETTLE + 60)
    assert " disabled>" not in approver.get(page(unknown)).content.decode()
    say(approver, unknown, "did_not_happen")
    assert state() == "failed"


def test_sending_again_takes_a_second_person(
    approver: Client, unknown: UnknownOutcome, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    clock.advance(SETTLE + 60)
    assert say(approver, unknown, "send_again") == "Noted. A second person must say the same."
    assert buttons(approver, unknown) == ["happened", "did_not_happen", "ask"]
    assert "somebody else must say so too" in say(approver, unknown, "send_again")
    second = as_staff("second", *DECIDER, *VIEWER)
    for shown in (second.get(page(unknown)), second.post(page(unknown), {"_send_again": "x"})):
        assert "/approver has said so: with your word" in shown.content.decode()
    world.answers["pay"] = "paid"
    assert say(second, unknown, "send_again") == "The answer is applied; the job goes on."
    doorbells.drain()
    assert (state(), world.called("pay")) == ("completed", 2)
    assert world.calls[1][2].endswith(":send:2")


def test_the_provider_is_asked_once_more(approver: Client, unknown: UnknownOutcome, doorbells: Doorbells) -> None:
    say(approver, unknown, "ask")
    assert state() == "pending"
    doorbells.drain()
    shown = approver.get(page(unknown)).content.decode()
    assert "pay.reconcile" in shown
    assert "the bank&#x27;s books are closed" in shown


def test_whoever_requested_is_offered_and_may_say_nothing(requester: Any, unknown: UnknownOutcome) -> None:
    client = Client()
    client.force_login(requester)
    assert buttons(client, unknown) == []
    for button in BUTTONS:
        assert "may not decide" in say(client, unknown, button.strip("_"), result="1")
    assert state() == "parked"


def test_answering_needs_the_permission(unknown: UnknownOutcome) -> None:
    viewer = as_staff("viewer", *VIEWER)
    assert buttons(viewer, unknown) == []
    others = (viewer, as_staff("nobody"), as_staff("decider", *DECIDER))
    for client in others:
        for body in ({"_happened": "x", "result": "1"}, {"_happened": "x", "result": "1", "confirmed": "yes"}):
            assert client.post(page(unknown), body).status_code == 403
    assert state() == "parked"


def test_who_is_not_logged_in_or_no_staff_is_sent_to_the_login(unknown: UnknownOutcome) -> None:
    stranger, outsider = Client(), Client()
    outsider.force_login(person("outsider", *DECIDER, *VIEWER))
    for client in (stranger, outsider):
        response = client.post(page(unknown), {"_happened": "x", "result": "1", "confirmed": "yes"})
        assert (response.status_code, "/admin/login/" in response["Location"]) == (302, True)
    assert state() == "parked"


def test_a_get_never_answers(approver: Client, unknown: UnknownOutcome) -> None:
    answer = {"_happened": "x", "result": "1", "confirmed": "yes"}
    approver.get(page(unknown), answer)
    approver.head(page(unknown), answer)
    assert state() == "parked"


def test_a_form_from_elsewhere_answers_nothing(unknown: UnknownOutcome) -> None:
    guarded = as_staff("guarded", *DECIDER, *VIEWER, enforce_csrf_checks=True)
    answer = {"_happened": "x", "result": "1", "confirmed": "yes"}
    assert guarded.post(page(unknown), answer).status_code == 403
    guarded.get(page(unknown))
    token = guarded.cookies["csrftoken"].value
    assert guarded.post(page(unknown), {**answer, "csrfmiddlewaretoken": token}).status_code == 302
    assert state() == "completed"


def test_a_reason_that_cannot_be_stored_is_told(approver: Client, unknown: UnknownOutcome) -> None:
    assert "NUL" in say(approver, unknown, "happened", result="1", reason="a\x00b")
    assert state() == "parked"


def test_a_question_of_another_tenant_does_not_exist(
    approver: Client, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    breaking_off(registered, world)
    submit("test-agent", "theirs", tenant="another", requested_by="user:9/else")
    doorbells.drain()
    foreign = question()
    assert str(foreign.pk) not in approver.get(LIST).content.decode()
    assert approver.get(page(foreign)).status_code == 302
    body = {"_happened": "x", "result": "1", "confirmed": "yes"}
    assert approver.post(page(foreign), body).status_code == 403
    assert state() == "parked"


@pytest.mark.parametrize("object_id", [str(UUID(int=7)), "no-uuid", "_00"])
def test_a_question_that_is_not_there_cannot_be_answered(approver: Client, object_id: str) -> None:
    assert approver.post(f"{LIST}{object_id}/change/", {"_happened": "x"}).status_code in (403, 404)
    assert approver.get(f"{LIST}{object_id}/change/").status_code == 302


def test_nothing_is_added_edited_or_deleted(unknown: UnknownOutcome) -> None:
    root = Client()
    root.force_login(person("root", superuser=True, staff=True))
    before = every_record()["signals_app_wait"]
    assert root.get(f"{LIST}add/").status_code == 403
    assert root.post(page(unknown), {"_save": "Save", "state": "resolved"}).status_code == 403
    assert root.post(f"{LIST}{unknown.pk}/delete/", {"post": "yes"}).status_code == 403
    assert root.get(f"{LIST}{unknown.pk}/history/").status_code == 200
    body = {"action": "delete_selected", "_selected_action": str(unknown.pk), "post": "yes"}
    assert root.post(LIST, body).status_code in (200, 302, 403)
    assert every_record()["signals_app_wait"] == before


@pytest.mark.parametrize(("answer", "expected"), [("go_on", "completed"), ("stop", "failed")])
def test_a_question_about_a_changed_world_is_shown_and_answered(
    requester: Any,
    approver: Client,
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    answer: str,
    expected: str,
) -> None:
    job = branching(registered, world, doorbells)
    doorbells.drain()
    asked = UnknownOutcome.objects.filter(job_id=job.pk, kind="resolution").first()
    assert asked is not None
    shown = approver.get(page(asked)).content.decode()
    assert all(text in shown for text in ("reserve.verify", "the chair is gone", 'name="_go_on"', 'name="_stop"'))
    assert not any(f'name="{button}"' in shown for button in BUTTONS)
    assert say(approver, asked, answer) == "The answer is applied; the job goes on."
    doorbells.drain()
    assert again(job).state == expected
