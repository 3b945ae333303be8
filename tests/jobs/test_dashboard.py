"""The first page of the admin: each number is right and leads to what it counts; nobody sees what is not for him."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from aetheris.core.errors import ToolError
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from jobs.engine.submit import submit
from jobs.engine.sweep import sweep
from jobs.models import Job
from tests.doors import OPERATOR, VIEWER, asking, finishing, person
from tests.world import Doorbells, Registered, World, submitted

PAGE = "/admin/"
CARD = re.compile(r'<a href="([^"]*)"><strong>([^<]*)</strong> ([^<]*)</a>')


@pytest.fixture
def jobs(registered: Registered, world: World, doorbells: Doorbells) -> dict[str, Job]:
    """One parked for a person, one for an unknown outcome, one failed, one ready, one of another tenant."""
    asking(registered, world, reason="<script>alert('why')</script>")
    asks = submitted("to be approved")
    doorbells.drain()
    letter = world.tool("letter", Effect.ONCE)
    world.answers["letter"] = ConnectionResetError("half an answer")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("send", letter, value=1)
        return graph

    registered.agent(plan, letter, name="doubts")
    doubts = submitted("to be found out", agent="doubts")
    doorbells.drain()
    finishing(registered, world, "fails")
    world.answers["look-fails"] = ToolError("no")
    fails = submitted("fails", agent="fails")
    submit("fails", "theirs", tenant="another", requested_by="user:9/else")
    doorbells.drain()
    return {"asks": asks, "doubts": doubts, "fails": fails, "ready": submitted("ready", agent="fails")}


def staff(name: str, *rights: str) -> Client:
    client = Client()
    client.force_login(person(name, *rights, staff=True))
    return client


@pytest.fixture
def operator(doorbells: Doorbells) -> Client:
    return staff("operator", *VIEWER, *OPERATOR)


def cards(client: Client) -> dict[str, tuple[str, str]]:
    """What is counted → how many, and where it leads."""
    shown = client.get(PAGE).content.decode()
    return {label: (number, unescape(url)) for url, number, label in CARD.findall(shown)}


def listed(client: Client, url: str, jobs: dict[str, Job]) -> list[str]:
    """Those of these jobs that a list shows."""
    shown = client.get(url).content.decode()
    return [name for name, job in jobs.items() if str(job.pk) in shown]


def test_each_number_leads_to_what_it_counts(operator: Client, jobs: dict[str, Job]) -> None:
    found = cards(operator)
    assert {label: number for label, (number, _) in found.items() if number != "0"} == {
        "to approve": "1",
        "unknown outcomes": "1",
        "pending": "1",
        "parked": "2",
        "failed in 24 hours": "1",
    }
    assert listed(operator, found["parked"][1], jobs) == ["asks", "doubts"]
    assert listed(operator, found["pending"][1], jobs) == ["ready"]
    assert listed(operator, found["running"][1], jobs) == []
    assert listed(operator, found["failed in 24 hours"][1], jobs) == ["fails"]
    for _, url in found.values():
        assert operator.get(url).status_code == 200, url


def links(shown: str, part: str) -> Iterator[str]:
    return (unescape(url) for url in re.findall(r'href="([^"]*)"', shown) if part in url)


def test_what_is_parked_fails_and_piles_up_is_listed(operator: Client, jobs: dict[str, Job]) -> None:
    shown = operator.get(PAGE).content.decode()
    assert [name for name, job in jobs.items() if f"/admin/jobs/job/{job.pk}/change/" in shown] == ["asks", "doubts"]
    assert shown.index(str(jobs["asks"].pk)) < shown.index(str(jobs["doubts"].pk))
    assert "<script>alert(" not in shown
    assert listed(operator, next(links(shown, "made=day")), jobs) == ["fails"]
    assert listed(operator, next(links(shown, "queue=default")), jobs) == ["ready"]
    assert 'data-unserved="No worker that answers serves default: aetheris worker --queues default"' in shown


def test_the_last_sweep_is_told(operator: Client) -> None:
    assert "Nobody has swept yet." in operator.get(PAGE).content.decode()
    sweep(rest=timedelta(0))
    assert re.search(r"Last sweep \d+ s ago", operator.get(PAGE).content.decode())


def test_nobody_sees_more_than_he_may(jobs: dict[str, Job]) -> None:
    nothing = staff("nobody").get(PAGE).content.decode()
    assert CARD.findall(nothing) == []
    for text in ("Parked longest", "Backlog", "data-workers", "agent", "to be approved"):
        assert text not in nothing
    decider = staff("decider", "signals_app.view_approval")
    assert list(cards(decider)) == ["to approve"]
    watcher = staff("watcher", "jobs.view_tick").get(PAGE).content.decode()
    assert ("data-workers" in watcher, "Parked longest" in watcher) == (True, False)


def test_more_than_is_counted_is_said_so(
    operator: Client, jobs: dict[str, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.admin.dashboard.MOST", 1)
    assert cards(operator)["parked"][0] == "1+"
    assert cards(operator)["to approve"][0] == "1"


def test_more_failures_than_are_looked_at_are_said_so(
    operator: Client, jobs: dict[str, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.admin.dashboard.MOST_FAILURES", 1)
    assert cards(operator)["failed in 24 hours"][0] == "1+"
