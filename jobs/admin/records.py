"""What a job has written, page by page: its nodes, its effects in the ledger, its events. Read-only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from aetheris.core.moments import moment
from jobs.models import Body, Job, Node
from ledger.models import Entry, Event

Row = tuple[Any, ...]
PAGE = 100


@dataclass(frozen=True)
class Records:
    """One kind of records: its order, and how a page of it is told."""

    title: str
    heads: tuple[str, ...]
    of_job: Callable[[Any], QuerySet[Any]]
    told: Callable[[Job, list[Any]], list[Row]]

    def page(self, job: Job, number: int, size: int = PAGE) -> tuple[list[Row], bool]:
        """One page, the first being 1, and whether another one follows."""
        first = (number - 1) * size
        found = list(self.of_job(job.pk)[first : first + size + 1])
        return self.told(job, found[:size]), len(found) > size


def _nodes(job: Job, nodes: list[Node]) -> list[Row]:
    texts = Body.objects.texts(job.pk, [node.output for node in nodes if node.output])
    return [
        (n.path, n.type, n.queue, n.state, n.claims, n.tries, texts[n.output] if n.output else n.error or "")
        for n in nodes
    ]


def _entries(job: Job, entries: list[Entry]) -> list[Row]:
    texts = Body.objects.texts(job.pk, [entry.result for entry in entries if entry.result])
    return [
        (
            *(e.step_id, e.attempt, f"{e.tool}, version {e.tool_version}", e.effect, e.state, e.sends),
            *(moment(e.first_sent_at), e.idempotency_key, texts[e.result] if e.result else e.error or ""),
        )
        for e in entries
    ]


def _events(job: Job, events: list[Event]) -> list[Row]:
    return [(e.seq, moment(e.at), e.type, e.node, e.actor, e.payload) for e in events]


NODES = Records("Nodes", ("Node", "Type", "Queue", "State", "Claims", "Tries", "Output"), Node.objects.of_job, _nodes)
ENTRIES = Records(
    "Ledger entries",
    ("Effect", "Attempt", "Tool", "Class", "State", "Sends", "First sent", "Idempotency key", "Result or error"),
    Entry.objects.of_job,
    _entries,
)
EVENTS = Records("Events", ("Seq", "At", "Type", "Node", "Actor", "Payload"), Event.objects.stream, _events)
RECORDS = {"nodes": NODES, "entries": ENTRIES, "events": EVENTS}
