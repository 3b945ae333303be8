"""The events that tell of an effect: that it is about to happen, and what became of it."""

from typing import Any

from aetheris.core.canonical import Canonical
from jobs.engine.transaction import JobTransaction
from jobs.models import Node
from ledger.event_types import EventType
from ledger.models import Entry
from ledger.states import EntryKind

STARTED = {
    EntryKind.TOOL.value: EventType.TOOL_INVOCATION_STARTED,
    EntryKind.LLM.value: EventType.LLM_INVOCATION_STARTED,
}
FINISHED = {
    EntryKind.TOOL.value: EventType.TOOL_INVOCATION_FINISHED,
    EntryKind.LLM.value: EventType.LLM_INVOCATION_FINISHED,
}


def tell_started(tx: JobTransaction, node: Node, entry: Entry, arguments: str) -> None:
    """Append that an entry's effect is about to be sent; `arguments` is canonical text."""
    tx.event(
        STARTED[entry.kind],
        {
            **_identity(node, entry),
            "tool_version": entry.tool_version,
            "effect": entry.effect,
            "sends": entry.sends,
            "arguments": Canonical(arguments),
            "arguments_hash": bytes(entry.arguments_digest).hex(),
        },
        node,
    )


def tell_finished(tx: JobTransaction, node: Node, entry: Entry, outcome: str, **fact: Any) -> None:
    """Append what became of it: `success` with a result, `failure` or `unknown` with an error."""
    tx.event(FINISHED[entry.kind], {**_identity(node, entry), "outcome": outcome, **fact}, node)


def _identity(node: Node, entry: Entry) -> dict[str, Any]:
    return {
        "node_id": node.path,
        "invocation_id": entry.idempotency_key,
        "idempotency_key": entry.idempotency_key,
        "tool_name": entry.tool,
    }
