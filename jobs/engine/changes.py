"""Changes: what one statement is to write of a job, `aetheris_record` in `ledger/migrations/0005_one_statement.py`."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.models import Edge, Job, Node
from ledger.event_types import CATEGORY
from ledger.models import Entry
from ledger.querysets import NewEvent

NODE_COLUMNS = (
    "path",
    "state",
    "ending",
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
EDGE_COLUMNS = ("source", "target", "on", "taken")
ENTRY_COLUMNS = tuple(field.attname for field in Entry._meta.concrete_fields)
CHANGED_ENTRY_COLUMNS = (
    "step_id",
    "attempt",
    "effect",
    "key_until",
    "state",
    "sends",
    "lease_token",
    "send_by",
    "settled_by",
    "result",
    "error",
    "settled_at",
)
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
    """Rows that have changed, each with all that may change of it. `first_in` names a queue in which nothing more
    urgent may wait."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    opened: list[Entry] = field(default_factory=list)
    bodies: dict[str, str] = field(default_factory=dict)
    first_in: str | None = None

    def as_json(self, job: Job, columns: Collection[str], events: Sequence[NewEvent]) -> str:
        """What the statement is given, with these columns of the job and these events."""
        changes = {
            "first_in": self.first_in,
            "job": _columns(job, columns),
            "events": [_event(event) for event in events],
            "bodies": list(self.bodies.values()),
            "nodes": [_columns(node, NODE_COLUMNS) for node in self.nodes.values()],
            "edges": [_columns(edge, EDGE_COLUMNS) for edge in self.edges],
            "opened": [_columns(entry, ENTRY_COLUMNS) for entry in self.opened],
            "entries": [_columns(entry, CHANGED_ENTRY_COLUMNS) for entry in self.entries.values()],
        }
        return json.dumps(changes, default=_plain)


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
    """How the database reads what JSON has no form for: bytes, times, ids."""
    return f"\\x{value.hex()}" if isinstance(value, bytes | memoryview) else str(value)
