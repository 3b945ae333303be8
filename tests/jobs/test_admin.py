"""Jobs in the admin: everything is shown, nothing can be changed, and whatever people wrote is only text."""

from typing import Any

import pytest
from django.contrib.admin import site
from django.db import connection, transaction
from django.test import Client, RequestFactory

from jobs.admin import JobAdmin
from jobs.models import Agent, Job
from tests.conftest import Clock
from tests.doors import DECIDER, REQUESTER, VIEWER, Door, asking, door, every_record, person
from tests.jobs.engine.one_tool import contradicted
from tests.world import Doorbells, Registered, World

EVIL = "<script>alert('goal')</script>"
PAGES = ("/admin/", "/admin/jobs/", "/admin/jobs/job/", "/admin/jobs/agent/", "/admin/signals_app/approval/")


@pytest.fixture
def requester(doorbells: Doorbells) -> Door:
    return door("requester", *REQUESTER)


@pytest.fixture
def job(requester: Door, registered: Registered, world: World, doorbells: Doorbells) -> Job:
    """A job that is parked, whose goal, reason, arguments and output are all hostile."""
    asking(registered, world, reason=EVIL)
    world.answers["look"] = {"amount": EVIL}
    requester.message(EVIL)
    doorbells.drain()
    return Job.objects.get()


def logged_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def approver(database: None) -> Client:
    return logged_in(person("approver", *DECIDER, *VIEWER, staff=True))


@pytest.fixture
def root(database: None) -> Client:
    return logged_in(person("root", superuser=True, staff=True))


def pages_of(job: Job) -> list[str]:
    return [*PAGES, f"/admin/jobs/job/{job.pk}/change/", f"/admin/jobs/agent/{job.agent_id}/change/"]


def test_every_page_renders_for_the_approver_and_what_people_wrote_is_only_text(approver: Client, job: Job) -> None:
    for page in pages_of(job):
        response = approver.get(page)
        assert response.status_code == 200, page
        assert "<script>alert(" not in response.content.decode(), page


def test_every_page_of_the_admin_renders_for_a_superuser(root: Client, job: Job) -> None:
    for page in [*pages_of(job), f"/admin/jobs/job/{job.pk}/history/"]:
        response = root.get(page)
        assert response.status_code == 200, page
        assert "<script>alert(" not in response.content.decode(), page


def test_a_job_shows_its_waits_nodes_and_events(approver: Client, job: Job) -> None:
    shown = approver.get(f"/admin/jobs/job/{job.pk}/change/").content.decode()
    assert "&lt;script&gt;alert(" in shown
    for expected in ("ask-1", "job_created", "plan_generated", "tool_invocation_finished", "job_waiting", "parked"):
        assert expected in shown


def test_jobs_are_filtered(approver: Client, job: Job) -> None:
    assert str(job.pk) in approver.get("/admin/jobs/job/", {"state__exact": "parked"}).content.decode()
    assert str(job.pk) not in approver.get("/admin/jobs/job/", {"state__exact": "failed"}).content.decode()


def test_jobs_with_fact_conflicts_are_found(
    approver: Client, job: Job, registered: Registered, world: World, clock: Clock
) -> None:
    conflicting = contradicted(registered, world, clock)

    def listed(**query: str) -> tuple[bool, bool]:
        page = approver.get("/admin/jobs/job/", query).content.decode()
        return str(conflicting.pk) in page, str(job.pk) in page

    assert listed(conflicts="yes") == (True, False)
    assert listed() == (True, True)
    assert "With conflicts" in approver.get("/admin/jobs/job/").content.decode()


def test_jobs_with_fact_conflicts_are_found_by_an_index(database: None) -> None:
    """There are few of them among millions, and none of the others is looked at."""
    listed = JobAdmin(Job, site).get_queryset(RequestFactory().get("/")).filter(conflicts__gt=0).order_by("-id")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan TO off")
        assert "job_with_conflicts" in listed.explain()


def test_nothing_is_added_edited_or_deleted(root: Client, job: Job) -> None:
    before = every_record()
    for kind, key in (("job", job.pk), ("agent", job.agent_id)):
        page = f"/admin/jobs/{kind}/"
        assert root.get(f"{page}add/").status_code == 403
        assert root.post(f"{page}add/", {"name": "x", "goal": "x"}).status_code == 403
        assert root.post(f"{page}{key}/change/", {"goal": "x", "_save": "Save"}).status_code == 403
        assert root.post(f"{page}{key}/delete/", {"post": "yes"}).status_code == 403
        selected = {"action": "delete_selected", "_selected_action": str(key), "post": "yes"}
        assert root.post(page, selected).status_code in (200, 302, 403)
    after = every_record()
    assert {table for table in after if after[table] != before[table]} <= {"django_session"}
    assert (Job.objects.count(), Agent.objects.count()) == (1, 1)


def test_who_may_not_see_jobs_sees_none(job: Job) -> None:
    nobody = logged_in(person("nobody", staff=True))
    assert nobody.get("/admin/jobs/job/").status_code == 403
    assert nobody.get(f"/admin/jobs/job/{job.pk}/change/").status_code == 403
    outsider = logged_in(person("outsider", *VIEWER))
    assert "/admin/login/" in outsider.get("/admin/jobs/job/")["Location"]
