"""Jobs cancelled and tried again in the admin: confirmed, by POST, through the verbs, by whoever may."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from aetheris.core.errors import ToolError
from jobs.admin.bulk import CANCEL, RETRY, Bulk
from jobs.engine.submit import submit
from jobs.models import Job
from ledger.models import Event
from tests.doors import DECIDER, REQUESTER, VIEWER, asking, every_record, finishing, person
from tests.world import Doorbells, Registered, World, again, submitted

LIST = "/admin/jobs/job/"
EVIL = "<script>alert('goal')</script>"
BOTH = (CANCEL, RETRY)
NEEDS = {CANCEL: "jobs.stop_job", RETRY: "jobs.add_job"}
pytestmark = pytest.mark.usefixtures("whole")


@pytest.fixture
def parked(registered: Registered, world: World, doorbells: Doorbells) -> list[Job]:
    """Three jobs that wait for a person."""
    asking(registered, world)
    jobs = [submitted(EVIL) for _ in range(3)]
    doorbells.drain()
    return jobs


@pytest.fixture
def failed(registered: Registered, world: World, doorbells: Doorbells) -> list[Job]:
    """Two jobs that would complete if they were tried again."""
    finishing(registered, world, "fails")
    world.answers["look-fails"] = ToolError("no")
    jobs = [submitted(agent="fails") for _ in range(2)]
    doorbells.drain()
    world.answers["look-fails"] = "yes"
    return jobs


def as_staff(name: str, *rights: str, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(person(name, *rights, staff=True))
    return client


@pytest.fixture
def operator(doorbells: Doorbells) -> Client:
    return as_staff("operator", *REQUESTER, *VIEWER)


def ask(client: Client, bulk: Bulk, *jobs: Job, **more: str) -> Any:
    return client.post(LIST, {"action": bulk.action, "_selected_action": [str(job.pk) for job in jobs], **more})


def do(client: Client, bulk: Bulk, *jobs: Job, **more: str) -> list[str]:
    """What is told after a verb that was confirmed."""
    response = ask(client, bulk, *jobs, confirmed="yes", **more)
    assert (response.status_code, response["Location"]) == (302, LIST)
    return [str(message) for message in get_messages(client.get(LIST).wsgi_request)]


def states(jobs: list[Job]) -> list[str]:
    return [again(job).state for job in jobs]


def test_chosen_jobs_are_cancelled_with_a_reason(operator: Client, parked: list[Job]) -> None:
    told = do(operator, CANCEL, *parked[:2], reason="ordered by mistake")
    assert told == ["2 jobs are cancelled, at once or when what runs or is in doubt has ended."]
    assert states(parked) == ["cancelled", "cancelled", "parked"]
    event = Event.objects.get(job_id=parked[0].pk, type="job_cancel_requested")
    assert event.actor.endswith("/operator")
    assert "ordered by mistake" in event.payload


def test_chosen_jobs_are_tried_again(operator: Client, failed: list[Job], doorbells: Doorbells) -> None:
    assert do(operator, RETRY, failed[0]) == ["1 job is on its way again."]
    doorbells.drain()
    assert states(failed) == ["completed", "failed"]


def test_what_cannot_be_done_is_told_and_the_rest_is_done(
    operator: Client, parked: list[Job], failed: list[Job]
) -> None:
    told = do(operator, RETRY, *parked, failed[0])
    assert told == ["1 job is on its way again.", "3 not: The job has not failed: it is parked."]
    assert do(operator, CANCEL, failed[1], parked[0])[1] == "1 not: The job has ended as failed."
    assert states(parked) == ["cancelled", "parked", "parked"]


@pytest.mark.parametrize("bulk", BOTH, ids=lambda bulk: bulk.action)
def test_it_is_asked_first_with_the_jobs_that_it_is_about(operator: Client, parked: list[Job], bulk: Bulk) -> None:
    before = every_record()
    response = ask(operator, bulk, *parked[:2])
    asked = response.content.decode()
    assert response.status_code == 200
    assert [asked.count(f'value="{job.pk}"') for job in parked] == [1, 1, 0]
    assert f'name="confirmed" value="{bulk.button}"' in asked
    assert EVIL not in asked
    assert {name for name, rows in every_record().items() if rows != before[name]} <= {"django_session"}


def test_jobs_to_which_it_cannot_be_done_are_marked(operator: Client, parked: list[Job], failed: list[Job]) -> None:
    marks = {CANCEL: "already ended", RETRY: "has not failed"}
    for bulk, (able, unable) in {CANCEL: (parked, failed), RETRY: (failed, parked)}.items():
        asked = ask(operator, bulk, *able, *unable).content.decode()
        assert asked.count(f"<strong>{marks[bulk]}</strong>") == len(unable)


def test_no_more_than_so_many_at_once(operator: Client, parked: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.admin.bulk.MOST_AT_ONCE", 2)
    asked = ask(operator, CANCEL, parked[0], select_across="1").content.decode()
    assert "At most 2 at once" in asked
    assert [asked.count(f'value="{job.pk}"') for job in parked] == [0, 1, 1]
    do(operator, CANCEL, parked[0], select_across="1")
    assert states(parked) == ["parked", "cancelled", "cancelled"]


@pytest.mark.parametrize(("bulk", "lacking"), NEEDS.items(), ids=["cancel", "retry"])
def test_each_verb_needs_its_permission(
    operator: Client, parked: list[Job], failed: list[Job], bulk: Bulk, lacking: str
) -> None:
    jobs = [*parked, *failed]
    rights = {*REQUESTER, *VIEWER, *DECIDER} - {lacking}
    viewer = as_staff("viewer", *rights)
    before = states(jobs)
    assert f'value="{bulk.action}"' not in viewer.get(LIST).content.decode()
    assert f'value="{bulk.action}"' in operator.get(LIST).content.decode()
    for page in (f"{LIST}{job.pk}/change/" for job in (parked[0], failed[0])):
        assert f'value="{bulk.action}"' not in viewer.get(page).content.decode()
    for client in (viewer, as_staff("blind", "jobs.stop_job", "jobs.add_job"), as_staff("nobody")):
        assert ask(client, bulk, *jobs).status_code in (302, 403)
        assert ask(client, bulk, *jobs, confirmed="yes").status_code in (302, 403)
    assert states(jobs) == before


@pytest.mark.parametrize("bulk", BOTH, ids=lambda bulk: bulk.action)
def test_neither_a_get_nor_a_form_from_elsewhere_nor_a_stranger_does_it(
    operator: Client, parked: list[Job], failed: list[Job], bulk: Bulk
) -> None:
    jobs = [*parked, *failed]
    before = states(jobs)
    chosen = {"action": bulk.action, "_selected_action": [str(job.pk) for job in jobs], "confirmed": "yes"}
    operator.get(LIST, chosen)
    assert as_staff("guarded", *REQUESTER, *VIEWER, enforce_csrf_checks=True).post(LIST, chosen).status_code == 403
    assert "/admin/login/" in Client().post(LIST, chosen)["Location"]
    assert states(jobs) == before


def test_a_job_of_another_tenant_is_not_touched(operator: Client, parked: list[Job]) -> None:
    theirs = Job.objects.get(pk=submit("test-agent", "x", tenant="another", requested_by="user:9/else").job_id)
    assert do(operator, CANCEL, theirs) == []
    assert states([theirs]) == ["pending"]


def test_a_job_offers_what_can_be_done_with_it(
    operator: Client, parked: list[Job], failed: list[Job], doorbells: Doorbells
) -> None:
    def offered(job: Job) -> list[str]:
        shown = operator.get(f"{LIST}{job.pk}/change/").content.decode()
        return [bulk.action for bulk in BOTH if f'value="{bulk.action}"' in shown]

    assert offered(parked[0]) == ["cancel_jobs"]
    assert offered(failed[0]) == ["retry_jobs"]
    do(operator, RETRY, failed[0])
    doorbells.drain()
    assert offered(failed[0]) == []
