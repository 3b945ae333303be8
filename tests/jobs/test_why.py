"""Why a job waits, as its page says it: in words, and with the page where somebody can change it."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from aetheris.core.errors import NotApplied
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.retry import RetryPolicy
from jobs.engine.cancel import cancel
from jobs.engine.claim import claim
from jobs.engine.run import run_node
from jobs.engine.transaction import job_transaction
from jobs.models import Job
from tests.doors import OPERATOR, VIEWER, asking, finishing, person
from tests.signals_app.doubt import breaking_off
from tests.world import Doorbells, Registered, World, submitted

ROW = re.compile(r"<tr>" + r"<td[^>]*>(.*?)</td>" * 5 + "</tr>")


@pytest.fixture
def viewer(doorbells: Doorbells) -> Client:
    client = Client()
    client.force_login(person("viewer", *VIEWER, staff=True))
    return client


def why(viewer: Client, job: Job) -> list[tuple[str, str, str, str]]:
    """Node, what it waits for, until when, what it is about."""
    shown = viewer.get(f"/admin/jobs/job/{job.pk}/change/").content.decode()
    told = shown.partition("field-why")[2].partition("field-ended_with")[0]
    return [(node, unescape(waits), until, about) for node, waits, _, until, about in ROW.findall(told)]


def begun(job: Job) -> None:
    """A worker has the job's first node."""
    with job_transaction(job.pk, "system", verb="claim") as tx:
        assert claim(tx, "plan") is not None


def waiting(registered: Registered, doorbells: Doorbells, **wait: Any) -> Job:
    """A job that has come to this wait."""

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("hold", **wait)
        return graph

    registered.agent(plan)
    job = submitted()
    doorbells.drain()
    return job


def test_a_decision_with_a_link_to_the_question(
    viewer: Client, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world, timeout=60)
    job = submitted()
    doorbells.drain()
    [(node, waits, until, about)] = why(viewer, job)
    assert (node, waits) == ("ask", "A person’s decision")
    assert until.endswith("UTC")
    link = re.search(r'href="([^"]*)">May we\?', about)
    assert link is not None
    assert 'name="decision_reason"' not in viewer.get(link[1]).content.decode()
    assert "7.50" in viewer.get(link[1]).content.decode()


def test_an_unknown_outcome_with_a_link_to_the_question(
    viewer: Client, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    breaking_off(registered, world)
    job = submitted()
    doorbells.drain()
    [(node, waits, _, about)] = why(viewer, job)
    assert (node, waits) == ("send", "Word about an unknown outcome")
    link = re.search(r'href="([^"]*)"', about)
    assert link is not None
    assert "What was tried" in viewer.get(link[1]).content.decode()


def test_a_signal_with_its_key(viewer: Client, registered: Registered, doorbells: Doorbells) -> None:
    job = waiting(registered, doorbells, correlation_key="paid-17", timeout=None, reason="The bank tells us")
    assert why(viewer, job) == [("hold", "A signal", "", "The bank tells us (correlation key paid-17)")]


def test_a_worker_of_which_queue(viewer: Client, registered: Registered, world: World, doorbells: Doorbells) -> None:
    finishing(registered, world)
    [(node, waits, _, about)] = why(viewer, submitted())
    assert (node, waits) == ("plan", "A worker")
    assert ">It is ready, last rung for at 2" in about
    assert "queue default" in about


def test_what_mends_a_queue_that_nobody_serves(
    viewer: Client, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asked = world.tool("look", Effect.READ, queue="the attic")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", asked, value=1)
        return graph

    registered.agent(plan, asked)
    job = submitted()
    run_node(job.pk, "plan")
    [(node, _, _, about)] = why(viewer, job)
    assert node == "look"
    assert "serves the attic: aetheris worker --queues 'the attic'" in unescape(about)


def test_workers_are_asked_only_for_who_may_see_them(
    viewer: Client, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    page = f"/admin/jobs/job/{submitted().pk}/change/"
    assert "jobs/workers.js" not in viewer.get(page).content.decode()
    operator = Client()
    operator.force_login(person("operator", *VIEWER, *OPERATOR, staff=True))
    assert "jobs/workers.js" in operator.get(page).content.decode()


def test_the_worker_that_has_it(viewer: Client, registered: Registered, world: World, doorbells: Doorbells) -> None:
    finishing(registered, world)
    job = submitted()
    begun(job)
    [(node, waits, until, _)] = why(viewer, job)
    assert (node, waits, until.endswith("UTC")) == ("plan", "Its worker", True)


def test_the_next_try_and_when(viewer: Client, registered: Registered, world: World, doorbells: Doorbells) -> None:
    pay = world.tool("pay", Effect.IDEMPOTENT)
    world.answers["pay"] = NotApplied("busy")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("pay", pay, value=1)
        graph.options("pay", retry=RetryPolicy(max_tries=3, first_seconds=60, longest_seconds=60))
        return graph

    registered.agent(plan, pay)
    job = submitted()
    doorbells.drain()
    [(node, waits, until, about)] = why(viewer, job)
    assert (node, waits, until.endswith("UTC")) == ("pay", "Its next try", True)
    assert about == "It is tried again then: busy"


def test_the_end_of_what_is_cancelled_and_nothing_once_it_has_ended(
    viewer: Client, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    job = submitted()
    begun(job)
    cancel(job.pk, actor="user:1/requester")
    assert [waits for _, waits, _, _ in why(viewer, job)] == ["Its end", "Its worker"]
    done = submitted()
    doorbells.drain()
    assert why(viewer, done) == []
