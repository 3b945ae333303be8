"""The books are append-only: the database refuses, whoever asks."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from jobs.models import Job, Node
from ledger.models import Entry, Event
from tests.world import Doorbells, Registered, World, again, submitted


@pytest.fixture
def finished(registered: Registered, world: World, doorbells: Doorbells) -> Job:
    """A completed job with one settled entry."""
    act = world.tool("act", Effect.ONCE)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("act", act, value=1)
        return graph

    registered.agent(plan, act)
    job = submitted()
    doorbells.drain()
    return again(job)


def refuses(statement: str, arguments: list[Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, arguments)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_event SET payload = '{}' WHERE job_id = %s",
        "DELETE FROM ledger_event WHERE job_id = %s",
        "UPDATE ledger_entry SET result = '1' WHERE job_id = %s",
        "UPDATE ledger_entry SET state = 'started', settled_at = NULL, result = NULL WHERE job_id = %s",
        "DELETE FROM ledger_entry WHERE job_id = %s",
    ],
)
def test_what_is_written_stays(finished: Job, statement: str) -> None:
    before = list(Event.objects.stream(finished.pk)), list(Entry.objects.filter(job=finished).values())
    refuses(statement, [finished.pk])
    assert (list(Event.objects.stream(finished.pk)), list(Entry.objects.filter(job=finished).values())) == before


def test_events_cannot_be_truncated(finished: Job) -> None:
    refuses("TRUNCATE ledger_event", [])


def test_an_effect_has_one_live_entry(finished: Job) -> None:
    """A second attempt beside one that has not failed is refused by a unique index, not by a check in the code."""
    entry = Entry.objects.get(job=finished)
    entry.attempt = 2
    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.bulk_create([entry])


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "running"},
        {"lease_token": "00000000-0000-7000-8000-000000000000"},
        {"finished_at": None},
        {"ending": ""},
        {"state": "asleep"},
    ],
)
def test_a_node_that_contradicts_itself_cannot_be_stored(finished: Job, columns: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Node.objects.filter(job=finished, path="act").update(**columns)


@pytest.mark.parametrize("columns", [{"ending": ""}, {"finished_at": None}, {"outcome": ""}, {"nodes_open": 1}])
def test_a_job_that_contradicts_itself_cannot_be_stored(finished: Job, columns: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(pk=finished.pk).update(**columns)


def test_nobody_sets_the_state_of_a_job(finished: Job) -> None:
    """It is a generated column."""
    with pytest.raises(Exception, match="state"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_job SET state = 'running' WHERE id = %s", [finished.pk])
