"""Changes: what one statement is to write of a job, `aetheris_write` in
`ledger/migrations/0009_waits_in_the_one_statement.py`."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from django.db import models

from jobs.models import Edge, Job, Node, Submission
from ledger.event_types import CATEGORY
from ledger.models import Entry
from ledger.querysets import NewEvent
from signals_app.models import Approval, Signal, Wait


def columns_of(model: type[models.Model]) -> tuple[str, ...]:
    """What a row of a table is written with."""
    return tuple(field.attname for field in model._meta.concrete_fields if not field.generated)


SUBMISSION_COLUMNS = columns_of(Submission)
NEW_JOB_COLUMNS = columns_of(Job)
NODE_COLUMNS = columns_of(Node)
EDGE_COLUMNS = columns_of(Edge)
ENTRY_COLUMNS = columns_of(Entry)
WAIT_COLUMNS = columns_of(Wait)
CHANGED_WAIT_COLUMNS = (
    "correlation_key",
    "state",
    "opened_at",
    "expires_at",
    "ended_at",
    "answer",
    "answered_by",
    "looks",
    "proposed_by",
)
SIGNAL_COLUMNS = columns_of(Signal)
APPROVAL_COLUMNS = columns_of(Approval)
CHANGED_APPROVAL_COLUMNS = ("id", "state", "decided_by", "decided_at", "decision_reason")
JOB_COLUMNS = {
    "nodes_open",
    "nodes_ready",
    "nodes_delayed",
    "nodes_running",
    "nodes_waiting",
    "nodes_parked",
    "ending",
    "outcome",
    "result",
    "error",
    "recheck_before",
    "conflicts",
    "finished_at",
    "updated_at",
}


@dataclass
class Changes:
    """Rows as they are to stand, those that are new among them. `first_in` names a queue in which nothing more urgent
    may wait, `unheard` correlation keys under which no signal may have come."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], Edge] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    bodies: dict[str, str] = field(default_factory=dict)
    new_waits: dict[str, Wait] = field(default_factory=dict)
    waits: dict[str, Wait] = field(default_factory=dict)
    unheard: list[str] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    new_approvals: dict[UUID, Approval] = field(default_factory=dict)
    approvals: dict[UUID, Approval] = field(default_factory=dict)
    first_in: str | None = None
    is_new_job: bool = False
    submission: Submission | None = None

    def put(self, nodes: Iterable[Node] = (), edges: Iterable[Edge] = ()) -> None:
        """Have these rows written."""
        self.nodes.update((node.path, node) for node in nodes)
        self.edges.update(((edge.source, edge.target, edge.on), edge) for edge in edges)

    def as_json(self, job: Job, columns: Collection[str], events: Sequence[NewEvent]) -> str:
        """What the statement is given, with these columns of the job and these events."""
        changes = {
            "first_in": self.first_in,
            "unheard": self.unheard,
            "new_job": _columns(job, NEW_JOB_COLUMNS) if self.is_new_job else None,
            "submission": _columns(self.submission, SUBMISSION_COLUMNS) if self.submission else None,
            "job": None if self.is_new_job else _columns(job, columns),
            "events": [_event(event) for event in events],
            "bodies": list(self.bodies.values()),
            "nodes": [_columns(node, NODE_COLUMNS) for node in self.nodes.values()],
            "edges": [_columns(edge, EDGE_COLUMNS) for edge in self.edges.values()],
            "entries": [_columns(entry, ENTRY_COLUMNS) for entry in self.entries.values()],
            "new_waits": [_columns(wait, WAIT_COLUMNS) for wait in self.new_waits.values()],
            "waits": [_columns(wait, CHANGED_WAIT_COLUMNS) for wait in self.waits.values()],
            "signals": [_columns(signal, SIGNAL_COLUMNS) for signal in self.signals],
            "new_approvals": [_columns(approval, APPROVAL_COLUMNS) for approval in self.new_approvals.values()],
            "approvals": [_columns(approval, CHANGED_APPROVAL_COLUMNS) for approval in self.approvals.values()],
        }
        return orjson.dumps({name: rows for name, rows in changes.items() if rows}, default=_plain).decode()


def _columns(row: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _event(event: NewEvent) -> dict[str, Any]:
    return {
        "type": event.type.value,
        "category": CATEGORY[event.type].value,
        "actor": event.actor,
        "node": event.node,
        "span": event.span,
        "payload": event.payload,
        "nonce": event.nonce,
    }


def _plain(value: Any) -> str:
    """How the database reads what JSON has no form for."""
    if isinstance(value, bytes | memoryview):
        return f"\\x{value.hex()}"
    raise TypeError(f"a {type(value).__name__} is no column's value")
