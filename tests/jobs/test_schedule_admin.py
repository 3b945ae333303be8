"""Schedules in the admin: edited by whoever may, whose jobs they then are; what is no schedule is refused in words."""

from typing import Any

import pytest
from django.test import Client

from jobs.engine.sweep import sweep
from jobs.models import Job, Schedule
from tests.conftest import Clock
from tests.doors import finishing, person
from tests.world import Doorbells, Registered, World

LIST = "/admin/jobs/schedule/"
RIGHTS = tuple(f"jobs.{verb}_schedule" for verb in ("add", "change", "view"))
FORM = {
    "name": "report",
    "agent_name": "test-agent",
    "message": "<script>alert(1)</script>",
    "cron": "30 9 * * *",
    "interval_seconds": "",
    "timezone": "Europe/Berlin",
    "catch_up": "one",
    "enabled": "on",
}


def logged_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def planner(database: None) -> Any:
    return person("planner", *RIGHTS, staff=True)


def test_whoever_adds_a_schedule_requests_its_jobs(
    planner: Any, registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    finishing(registered, world)
    client = logged_in(planner)
    assert client.post(f"{LIST}add/", FORM).status_code == 302
    schedule = Schedule.objects.get()
    assert (schedule.tenant, schedule.changed_by) == ("default", f"user:{planner.pk}/planner")
    assert schedule.next_at is not None
    for page in (LIST, f"{LIST}{schedule.pk}/change/"):
        response = client.get(page)
        assert response.status_code == 200
        assert "<script>alert(" not in response.content.decode()
    clock.advance(86400)
    sweep()
    assert Job.objects.get().requested_by == f"user:{planner.pk}/planner"


def test_whoever_changes_a_schedule_requests_its_jobs_from_then_on(planner: Any) -> None:
    logged_in(planner).post(f"{LIST}add/", FORM)
    other = person("other", *RIGHTS, staff=True)
    page = f"{LIST}{Schedule.objects.get().pk}/change/"
    assert logged_in(other).post(page, {**FORM, "message": "new"}).status_code == 302
    schedule = Schedule.objects.get()
    assert (schedule.message, schedule.changed_by) == ("new", f"user:{other.pk}/other")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"cron": "61 9 * * *"}, "Bad minute"),
        ({"cron": ""}, "one of the two"),
        ({"interval_seconds": "60"}, "one of the two"),
        ({"timezone": "Middle/Earth"}, "There is no time zone"),
    ],
)
def test_what_is_no_schedule_is_refused_in_words(planner: Any, columns: dict[str, str], said: str) -> None:
    response = logged_in(planner).post(f"{LIST}add/", {**FORM, **columns})
    assert response.status_code == 200
    assert said in response.content.decode()
    assert not Schedule.objects.exists()


def test_a_second_schedule_of_that_name_is_refused_in_words(planner: Any) -> None:
    client = logged_in(planner)
    client.post(f"{LIST}add/", FORM)
    response = client.post(f"{LIST}add/", FORM)
    assert response.status_code == 200
    assert "already exists" in response.content.decode()


def test_who_may_only_look_changes_nothing(planner: Any) -> None:
    logged_in(planner).post(f"{LIST}add/", FORM)
    page = f"{LIST}{Schedule.objects.get().pk}/change/"
    viewer = logged_in(person("viewer", "jobs.view_schedule", staff=True))
    assert viewer.get(page).status_code == 200
    assert viewer.post(page, {**FORM, "message": "new"}).status_code == 403
    assert viewer.post(f"{LIST}add/", {**FORM, "name": "two"}).status_code == 403
    assert [schedule.message for schedule in Schedule.objects.all()] == [FORM["message"]]
    assert logged_in(person("nobody", staff=True)).get(LIST).status_code == 403
