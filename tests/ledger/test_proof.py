"""The hash chain: written by the database, checked here from the stored rows alone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from aetheris.core.graph import TaskGraph
from jobs.models import Job
from ledger.models import Event
from ledger.proof import broken_at
from tests.world import Doorbells, Registered, World, again, submitted


@pytest.fixture
def chain(registered: Registered, world: World, doorbells: Doorbells) -> tuple[Job, list[Event]]:
    """A finished job and its events, with text beyond ASCII in them."""
    act = world.tool("act")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("act", act, value="naïve – 退款 \u0000 🙂")
        return graph

    registered.agent(plan, act)
    job = submitted("Grüße 🙂")
    doorbells.drain()
    return again(job), list(Event.objects.stream(job.pk))


def test_an_untouched_chain_is_whole(chain: tuple[Job, list[Event]]) -> None:
    job, events = chain
    assert broken_at(events, bytes(job.head)) is None
    assert [event.seq for event in events] == list(range(1, job.seq + 1))


def altered(field: str, value: Any) -> Callable[[list[Event]], list[Event]]:
    def alter(events: list[Event]) -> list[Event]:
        setattr(events[2], field, value)
        return events

    return alter


@pytest.mark.parametrize(
    ("tamper", "at"),
    [
        (altered("payload", "{}"), 3),
        (altered("type", "job_completed"), 3),
        (altered("actor", "user:9/somebody"), 3),
        (altered("node", "other"), 3),
        (altered("tenant", "other"), 3),
        (altered("nonce", bytes(16)), 3),
        (altered("category", "audit"), 3),
        (altered("span", "x"), 3),
        (lambda events: events[:2] + events[3:], 3),
        (lambda events: [*events[:2], events[3], events[2], *events[4:]], 3),
        (lambda events: events[:-1], 8),
    ],
)
def test_every_kind_of_tampering_is_found_where_it_is(
    chain: tuple[Job, list[Event]], tamper: Callable[[list[Event]], list[Event]], at: int
) -> None:
    job, events = chain
    assert len(events) == 8
    assert broken_at(tamper(events), bytes(job.head)) == at


def test_one_microsecond_is_enough(chain: tuple[Job, list[Event]]) -> None:
    job, _ = chain
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE ledger_event SET at = at + interval '1 microsecond' WHERE job_id = %s AND seq = 1", [job.pk]
        )
        cursor.execute("RESET session_replication_role")
    assert broken_at(Event.objects.stream(job.pk), bytes(job.head)) == 1
