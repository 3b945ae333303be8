"""Changes: what one statement is to write of a job, `aetheris_write` in
`ledger/migrations/0012_a_step_asks_for_less.py`, or of several, `aetheris_write_steps` in `0011_…`."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
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
MOVED_NODE_COLUMNS = (
    "job_id",
    "path",
    "state",
    "ending",
    "config",
    "park",
    "input",
    "output",
    "error",
    "children_open",
    "unmet",
    "taken",
    "lease_token",
    "lease_expires_at",
    "moved_by",
    "claims",
    "tries",
    "not_before",
    "rung_at",
    "deadline_at",
    "started_at",
    "finished_at",
)
EDGE_COLUMNS = columns_of(Edge)
DECIDED_EDGE_COLUMNS = ("job_id", "source", "target", "on", "taken")
ENTRY_COLUMNS = columns_of(Entry)
WAIT_COLUMNS = columns_of(Wait)
CHANGED_WAIT_COLUMNS = (
    "job_id",
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

FEW = 4
"""So many stored nodes are cheaper to update one by one than all at once."""


@dataclass
class Changes:
    """Rows as they are to stand, those that are new among them. `first_in` names a queue in which nothing more urgent
    may wait, `unheard` correlation keys under which no signal may have come."""

    new_nodes: dict[str, Node] = field(default_factory=dict)
    new_edges: dict[tuple[str, str, str], Edge] = field(default_factory=dict)
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

    def add(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        """Have these new rows written."""
        self.new_nodes.update((node.path, node) for node in nodes)
        self.new_edges.update((_key(edge), edge) for edge in edges)

    def put(self, nodes: Iterable[Node] = (), edges: Iterable[Edge] = ()) -> None:
        """Have these rows written, which are stored, or new too."""
        for node in nodes:
            if node.path not in self.new_nodes:
                self.nodes[node.path] = node
        for edge in edges:
            if (key := _key(edge)) not in self.new_edges:
                self.edges[key] = edge

    def __bool__(self) -> bool:
        """Whether there are rows to be written."""
        return bool(self.new_nodes or self.nodes or self.signals)

    @property
    def idempotency_key(self) -> str:
        """What a new job is submitted under; "" without a key."""
        return self.submission.key if self.submission is not None else ""

    @property
    def are_a_step(self) -> bool:
        """Whether this is part of a job's own way, and nothing that somebody outside has ordered or answered."""
        return not (self.is_new_job or self.signals or self.approvals)

    def as_step(
        self, job: Job, known_at: datetime, events: Sequence[NewEvent]
    ) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
        """What the statement for several jobs is given: the job's row, and the rows of other tables."""
        asked = {"id": job.pk, "seq": job.seq, "known_at": known_at, **_columns(job, JOB_COLUMNS)}
        if self.first_in is not None:
            asked["first_in"] = self.first_in
        if self.unheard:
            asked["unheard"] = self.unheard
        asked["events"] = [_event(event) for event in events]
        rows = _rows(
            ("new_nodes", self.new_nodes.values(), NODE_COLUMNS),
            ("new_edges", self.new_edges.values(), EDGE_COLUMNS),
            ("nodes", self.nodes.values(), MOVED_NODE_COLUMNS),
            ("edges", self.edges.values(), DECIDED_EDGE_COLUMNS),
            ("entries", self.entries.values(), ENTRY_COLUMNS),
            ("new_waits", self.new_waits.values(), WAIT_COLUMNS),
            ("waits", self.waits.values(), CHANGED_WAIT_COLUMNS),
            ("new_approvals", self.new_approvals.values(), APPROVAL_COLUMNS),
        )
        if self.bodies:
            rows["bodies"] = [{"job_id": job.pk, "tenant": job.tenant, "text": text} for text in self.bodies.values()]
        return asked, rows

    def as_json(self, job: Job, columns: Collection[str], events: Sequence[NewEvent]) -> str:
        """What the statement is given, with these columns of the job and these events."""
        written: dict[str, Any] = {"events": [_event(event) for event in events]}
        if self.is_new_job:
            written["new_job"] = _columns(job, NEW_JOB_COLUMNS)
            if job.deadline_at is not None:
                written["patience"] = (job.deadline_at - job.created_at).total_seconds()
        else:
            written["job"] = _columns(job, columns)
        if self.submission is not None:
            written["submission"] = _columns(self.submission, SUBMISSION_COLUMNS)
        if self.first_in is not None:
            written["first_in"] = self.first_in
        if self.unheard:
            written["unheard"] = self.unheard
        written |= _rows(
            ("new_nodes", self.new_nodes.values(), NODE_COLUMNS),
            ("nodes", self.nodes.values(), NODE_COLUMNS)
            if len(self.nodes) > FEW
            else ("moved_nodes", self.nodes.values(), MOVED_NODE_COLUMNS),
            ("edges", [*self.new_edges.values(), *self.edges.values()], EDGE_COLUMNS),
            ("entries", self.entries.values(), ENTRY_COLUMNS),
            ("new_waits", self.new_waits.values(), WAIT_COLUMNS),
            ("waits", self.waits.values(), CHANGED_WAIT_COLUMNS),
            ("signals", self.signals, SIGNAL_COLUMNS),
            ("new_approvals", self.new_approvals.values(), APPROVAL_COLUMNS),
            ("approvals", self.approvals.values(), CHANGED_APPROVAL_COLUMNS),
        )
        if self.bodies:
            written["bodies"] = list(self.bodies.values())
        return dumped(written)


def _key(edge: Edge) -> tuple[str, str, str]:
    return edge.source, edge.target, edge.on


def dumped(rows: Any) -> str:
    """Rows as the database reads them."""
    return orjson.dumps(rows, default=_plain).decode()


def _rows(*tables: tuple[str, Collection[models.Model], tuple[str, ...]]) -> dict[str, list[dict[str, Any]]]:
    """The changed rows of tables, each with the columns that are written."""
    return {name: [_columns(row, names) for row in changed] for name, changed, names in tables if changed}


def _columns(row: models.Model, names: Iterable[str]) -> dict[str, Any]:
    values = vars(row)
    return {name: values[name] for name in names}


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
