"""Approvals in the admin: shown as they are, decided by POST, never edited."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from jobs.engine.submit import submit
from jobs.models import Job
from signals_app.admin.approvals import DECISIONS
from signals_app.models import Approval
from tests.conftest import Clock
from tests.doors import DECIDER, REQUESTER, VIEWER, asking, door_of, every_record, parked, person
from tests.world import Doorbells, Registered, World

LIST = "/admin/signals_app/approval/"


@pytest.fixture
def requester(doorbells: Doorbells) -> Any:
    return person("requester", *REQUESTER, *VIEWER, *DECIDER, staff=True)


@pytest.fixture
def approval(requester: Any, registered: Registered, world: World, doorbells: Doorbells) -> Approval:
    asking(registered, world, timeout=60, reason="<script>alert('reason')</script>")
    parked(door_of(requester), doorbells)
    return Approval.objects.get()


def as_staff(name: str, *rights: str, enforce_csrf_checks: bool = False) -> Client:
    client = Client(enforce_csrf_checks=enforce_csrf_checks)
    client.force_login(person(name, *rights, staff=True))
    return client


@pytest.fixture
def approver(database: None) -> Client:
    return as_staff("approver", *DECIDER, *VIEWER)


def page(approval: Approval) -> str:
    return f"{LIST}{approval.pk}/change/"


def decide(client: Client, approval: Approval, answer: str, **more: str) -> Any:
    """The response to a decision that was confirmed."""
    return client.post(page(approval), {answer: "yes", "confirmed": "yes", **more})


def told(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def decided(approval: Approval) -> tuple[str, str]:
    stored = Approval.objects.get(pk=approval.pk)
    return stored.state, stored.decision_reason


def test_the_question_is_shown_with_its_arguments_and_both_answers(approver: Client, approval: Approval) -> None:
    listed = approver.get(LIST).content.decode()
    assert "7.50" in listed
    shown = approver.get(page(approval)).content.decode()
    assert "7.50" in shown
    assert 'name="_approve"' in shown
    assert 'name="_refuse"' in shown
    assert "<script>alert(" not in listed + shown
    assert "&lt;script&gt;alert(" in shown


def test_each_decision_is_confirmed_with_what_it_is_about(approver: Client, approval: Approval) -> None:
    before = every_record()
    for answer, (_, label, _) in DECISIONS.items():
        asked = approver.post(page(approval), {answer: "x", "decision_reason": "<b>fine"}).content.decode()
        for expected in ("7.50", "pay, version 1", approval.requested_by, f'name="{answer}"', 'value="&lt;b&gt;fine"'):
            assert expected in asked
        assert f'name="confirmed" value="{label}"' in asked
        assert "<script>alert(" not in asked
    assert {name for name, rows in every_record().items() if rows != before[name]} <= {"django_session"}


def test_the_arguments_are_shown_one_by_one_as_they_will_be_compared(approver: Client, approval: Approval) -> None:
    assert approval.arguments == '{"value":"7.50"}'
    assert ">value</td>" in (shown := approver.get(page(approval)).content.decode())
    assert ">&quot;7.50&quot;</td>" in shown


def test_the_list_begins_with_what_is_to_be_decided(approver: Client, approval: Approval) -> None:
    def listed(**query: str) -> bool:
        return str(approval.pk) in approver.get(LIST, query).content.decode()

    assert listed()
    assert not listed(status="approved")
    assert listed(status="all")
    decide(approver, approval, "_approve")
    assert not listed()
    assert listed(status="approved")
    assert listed(status="all")


def test_the_page_is_called_what_is_asked(approver: Client, approval: Approval) -> None:
    Approval.objects.update(reason="")
    assert "<h1>May pay go on?</h1>" in approver.get(page(approval)).content.decode()


def test_a_question_tells_its_jobs_goal_and_a_list_of_all_what_was_decided(
    approver: Client, approval: Approval
) -> None:
    Job.objects.update(goal="refund order-107")
    assert "refund order-107" in approver.get(page(approval)).content.decode()
    decide(approver, approval, "_refuse")
    decided_by = Approval.objects.get().decided_by
    assert f"Refused, {decided_by}" in approver.get(LIST, {"status": "all"}).content.decode()


def test_every_moment_is_shown_alike(approver: Client, approval: Approval) -> None:
    moment = f"{approval.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    assert moment in approver.get(page(approval)).content.decode()
    assert moment in approver.get(LIST).content.decode()


def test_a_question_of_another_tenant_does_not_exist(
    approver: Client, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    submit("test-agent", "theirs", tenant="another", requested_by="user:9/else")
    doorbells.drain()
    foreign = Approval.objects.get()
    assert str(foreign.pk) not in approver.get(LIST).content.decode()
    assert approver.get(page(foreign)).status_code == 302
    assert decide(approver, foreign, "_approve").status_code == 403
    assert decided(foreign) == ("pending", "")


def test_approving_lets_the_job_go_on(approver: Client, approval: Approval, doorbells: Doorbells, world: World) -> None:
    response = decide(approver, approval, "_approve", decision_reason="fine")
    assert (response.status_code, told(response)) == (302, ["Approved."])
    assert decided(approval) == ("approved", "fine")
    assert Approval.objects.get().decided_by.endswith("/approver")
    doorbells.drain()
    assert world.called("pay") == 1


def test_refusing_keeps_the_call_from_happening(
    approver: Client, approval: Approval, doorbells: Doorbells, world: World
) -> None:
    response = decide(approver, approval, "_refuse")
    assert (response.status_code, told(response)) == (302, ["Refused."])
    doorbells.drain()
    assert decided(approval) == ("refused", "")
    assert world.called("pay") == 0


def test_what_was_decided_shows_no_answers_and_another_one_is_told(approver: Client, approval: Approval) -> None:
    decide(approver, approval, "_approve")
    assert 'name="_approve"' not in approver.get(page(approval)).content.decode()
    response = decide(approver, approval, "_refuse")
    assert told(response)[-1] == "Another answer was given before and stands."
    assert decided(approval) == ("approved", "")


def test_whoever_requested_is_told_and_decides_nothing(requester: Any, approval: Approval) -> None:
    client = Client()
    client.force_login(requester)
    shown = client.get(page(approval)).content.decode()
    assert "somebody else has to decide" in shown
    assert 'name="_approve"' not in shown
    for answer in ("_approve", "_refuse"):
        response = decide(client, approval, answer)
        assert response.status_code == 302
        assert "may not decide" in told(response)[-1]
    assert decided(approval) == ("pending", "")


def test_deciding_needs_the_permission(approval: Approval) -> None:
    viewer = as_staff("viewer", *VIEWER)
    shown = viewer.get(page(approval))
    assert shown.status_code == 200
    assert 'name="_approve"' not in shown.content.decode()
    for client in (viewer, as_staff("nobody"), as_staff("decider", *DECIDER)):
        for answer in DECISIONS:
            assert client.post(page(approval), {answer: "x"}).status_code == 403
            assert decide(client, approval, answer).status_code == 403
    assert decided(approval) == ("pending", "")


def test_who_is_not_logged_in_or_no_staff_is_sent_to_the_login(approval: Approval) -> None:
    stranger, outsider = Client(), Client()
    outsider.force_login(person("outsider", *DECIDER, *VIEWER))
    for client in (stranger, outsider):
        response = decide(client, approval, "_approve")
        assert (response.status_code, "/admin/login/" in response["Location"]) == (302, True)
    assert decided(approval) == ("pending", "")


def test_a_get_never_decides(approver: Client, approval: Approval) -> None:
    before = every_record()
    answer = {"_approve": "yes", "confirmed": "yes"}
    approver.get(page(approval), answer)
    approver.head(page(approval), answer)
    assert every_record()["signals_app_approval"] == before["signals_app_approval"]
    assert decided(approval) == ("pending", "")


def test_a_form_from_elsewhere_decides_nothing(approval: Approval) -> None:
    guarded = as_staff("guarded", *DECIDER, *VIEWER, enforce_csrf_checks=True)
    assert decide(guarded, approval, "_approve").status_code == 403
    assert decided(approval) == ("pending", "")
    guarded.get(page(approval))
    token = guarded.cookies["csrftoken"].value
    assert decide(guarded, approval, "_approve", csrfmiddlewaretoken=token).status_code == 302
    assert decided(approval) == ("approved", "")


def test_a_reason_that_cannot_be_stored_is_told(approver: Client, approval: Approval) -> None:
    response = decide(approver, approval, "_approve", decision_reason="a\x00b")
    assert response.status_code == 302
    assert "NUL" in told(response)[-1]
    assert decided(approval) == ("pending", "")


def test_a_reason_is_kept_on_the_way_back_and_after_a_refusal_for_one_more_look(
    approver: Client, approval: Approval
) -> None:
    asked_whether_it_is_meant = {"_approve": "x", "decision_reason": "ten days late"}
    refused = {**asked_whether_it_is_meant, "decision_reason": "ten days\x00 late", "confirmed": "yes"}
    for typed in (asked_whether_it_is_meant, refused):
        approver.post(page(approval), typed)
        for kept in (True, False):
            shown = approver.get(page(approval)).content.decode()
            assert (f'value="{typed["decision_reason"]}"' in shown) == kept
    decide(approver, approval, "_approve", decision_reason="ten days late")
    assert "typed" not in " ".join(approver.session.keys())


def test_after_its_time_it_is_told_and_the_timeout_applied(approver: Client, approval: Approval, clock: Clock) -> None:
    clock.advance(61)
    response = decide(approver, approval, "_approve")
    assert "over" in told(response)[-1]
    assert decided(approval) == ("expired", "")


def test_nothing_is_added_edited_or_deleted(approval: Approval) -> None:
    root = Client()
    root.force_login(person("root", superuser=True, staff=True))
    before = every_record()["signals_app_approval"]
    assert root.get(f"{LIST}add/").status_code == 403
    assert root.post(f"{LIST}add/", {"tool": "x"}).status_code == 403
    assert root.post(page(approval), {"_save": "Save", "state": "approved"}).status_code == 403
    assert root.post(page(approval), {"state": "approved"}).status_code == 403
    assert root.post(f"{LIST}{approval.pk}/delete/", {"post": "yes"}).status_code == 403
    body = {"action": "delete_selected", "_selected_action": str(approval.pk), "post": "yes"}
    assert root.post(LIST, body).status_code in (200, 302, 403)
    assert every_record()["signals_app_approval"] == before


@pytest.mark.parametrize("object_id", [str(UUID(int=7)), "no-uuid", "_00"])
def test_a_question_that_is_not_there_cannot_be_decided(approver: Client, object_id: str) -> None:
    assert approver.post(f"{LIST}{object_id}/change/", {"_approve": "x", "confirmed": "yes"}).status_code in (403, 404)
    assert approver.get(f"{LIST}{object_id}/change/").status_code == 302
