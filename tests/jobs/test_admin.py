"""Jobs in the admin: everything is shown, nothing can be changed, and whatever people wrote is only text."""

from typing import Any

import pytest
from django.test import Client

from jobs.admin.records import PAGE, RECORDS
from jobs.engine.submit import submit
from jobs.engine.transaction import job_transaction
from jobs.models import Agent, Job
from ledger.event_types import EventType
from tests.conftest import Clock
from tests.doors import DECIDER, REQUESTER, VIEWER, Door, asking, door, every_record, person
from tests.jobs.engine.one_tool import contradicted
from tests.world import Doorbells, Registered, World, again, submitted

EVIL = "<script>alert('goal')</script>"
LIST = "/admin/jobs/job/"
PAGES = ("/admin/", "/admin/jobs/", LIST, "/admin/jobs/agent/", "/admin/signals_app/approval/")


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


def test_records_of_the_runtime_have_no_history_of_edits_to_show(root: Client, job: Job) -> None:
    for page in pages_of(job):
        assert "/history/" not in root.get(page).content.decode(), page


def test_the_bare_address_leads_to_the_admin_which_has_no_other_site_to_show(approver: Client) -> None:
    assert approver.get("/")["Location"] == "/admin/"
    assert "View site" not in approver.get("/admin/").content.decode()


def test_a_job_shows_its_waits_nodes_and_events(approver: Client, job: Job) -> None:
    shown = approver.get(f"/admin/jobs/job/{job.pk}/change/").content.decode()
    assert "&lt;script&gt;alert(" in shown
    for expected in ("ask-1", "job_created", "plan_generated", "tool_invocation_finished", "job_waiting", "parked"):
        assert expected in shown


def test_jobs_are_filtered(approver: Client, job: Job) -> None:
    assert str(job.pk) in approver.get(LIST, {"status": "parked"}).content.decode()
    assert str(job.pk) not in approver.get(LIST, {"status": "failed"}).content.decode()


def test_jobs_are_found_by_id_and_by_a_part_of_their_goal(approver: Client, job: Job) -> None:
    for text, found in ((str(job.pk), True), ("ALERT(", True), ("refund", False), (str(job.agent_id), False)):
        assert (str(job.pk) in approver.get(LIST, {"q": text}).content.decode()) == found


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"made": "hour"}, True),
        ({"made": "before"}, False),
        ({"made": "day", "status": "parked"}, True),
        ({"trouble": "stuck"}, False),
        ({"queue": "default"}, False),
        ({"priority": "3"}, True),
        ({"priority": "1"}, False),
        ({"priority": "x", "status": "x", "made": "x", "trouble": "x"}, True),
    ],
    ids=str,
)
def test_each_filter_narrows_the_list(approver: Client, job: Job, filters: dict[str, str], found: bool) -> None:
    assert (str(job.pk) in approver.get(LIST, filters).content.decode()) == found


def test_jobs_whose_nodes_wait_for_a_worker_are_found_by_queue(approver: Client, job: Job) -> None:
    fresh = submitted()
    listed = approver.get(LIST, {"queue": "default"}).content.decode()
    assert (str(fresh.pk) in listed, str(job.pk) in listed) == (True, False)


def test_a_job_of_another_tenant_does_not_exist(approver: Client, job: Job) -> None:
    theirs = submit("test-agent", "theirs", tenant="another", requested_by="user:9/else").job_id
    assert str(theirs) not in approver.get(LIST).content.decode()
    assert approver.get(f"{LIST}{theirs}/change/").status_code == 302
    for kind in RECORDS:
        assert approver.get(f"{LIST}{theirs}/{kind}/").status_code == 404


@pytest.mark.parametrize(("kind", "expected"), [("nodes", "plan"), ("entries", "look"), ("events", "job_waiting")])
def test_each_kind_of_records_has_pages(approver: Client, job: Job, kind: str, expected: str) -> None:
    page = f"{LIST}{job.pk}/{kind}/"
    shown = approver.get(page).content.decode()
    assert expected in shown
    assert "<script>alert(" not in shown
    assert expected not in approver.get(page, {"page": "2"}).content.decode()
    for wrong in ("0", "-1", "x", "²", "9" * 30):
        assert approver.get(page, {"page": wrong}).status_code == 404
    assert approver.post(page).status_code == 405
    assert logged_in(person("nobody", staff=True)).get(page).status_code == 403


def test_the_events_of_a_long_job_come_page_by_page(approver: Client, job: Job) -> None:
    for _ in range(PAGE):
        with job_transaction(job.pk, "user:1/requester", verb="signal") as tx:
            tx.event(EventType.JOB_WAITING, {})
    first, second = (approver.get(f"{LIST}{job.pk}/events/", {"page": page}).content.decode() for page in "12")
    assert (">1</td>" in first, f">{PAGE}</td>" in first, "?page=2" in first) == (True, True, True)
    assert (f">{PAGE + 1}</td>" in second, "?page=1" in second, "?page=3" in second) == (True, True, False)
    assert f">{again(job).seq}</td>" in approver.get(f"{LIST}{job.pk}/change/").content.decode()


def test_jobs_with_fact_conflicts_are_found(
    approver: Client, job: Job, registered: Registered, world: World, clock: Clock
) -> None:
    conflicting = contradicted(registered, world, clock)

    def listed(**query: str) -> tuple[bool, bool]:
        page = approver.get(LIST, query).content.decode()
        return str(conflicting.pk) in page, str(job.pk) in page

    assert listed(trouble="conflicts") == (True, False)
    assert listed() == (True, True)
    assert "With fact conflicts" in approver.get(LIST).content.decode()


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
    assert nobody.get(LIST).status_code == 403
    assert nobody.get(f"/admin/jobs/job/{job.pk}/change/").status_code == 403
    outsider = logged_in(person("outsider", *VIEWER))
    assert "/admin/login/" in outsider.get(LIST)["Location"]
