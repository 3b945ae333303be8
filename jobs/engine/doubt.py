"""Doubt: a call ended without an answer that can be read. Tried again where that is harmless, else shown."""

from datetime import timedelta

from aetheris.core.canonical import dumps_escaped
from aetheris.core.retry import delay_seconds
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Node
from jobs.states import NodeState
from ledger import entries
from ledger.entries import Intent
from ledger.event_types import EventType
from ledger.models import Entry
from ledger.states import EntryState
from signals_app import waits


def try_again_later(tx: JobTransaction, node: Node, entry: Entry, intent: Intent, reason: str) -> bool:
    """Make the node READY for another send of the same effect; False when that could repeat it or tries are spent."""
    delay = delay_seconds(node.tries + 1)
    if delay is None or tx.job.starts_nothing_more or not entries.may_send_again(entry, intent, tx.now):
        return False
    due = tx.now + timedelta(seconds=delay)
    move(tx, node, NodeState.READY, tries=node.tries + 1, not_before=due, rung_at=None)
    tx.event(
        EventType.NODE_RETRYING,
        {"node_id": node.path, "tries": node.tries, "not_before": due, "reason": reason},
        node,
    )
    return True


def show(tx: JobTransaction, node: Node, entry: Entry, code: str, message: str) -> None:
    """The effect is UNKNOWN: nothing is sent again, and the node waits to hear what became of it."""
    error = {"code": code, "message": message}
    entries.doubt(entry, dumps_escaped(error))
    key = f"resolution:{entry.step_id}:{entry.attempt}"
    waits.ask_resolution(tx.job, node.path, key, f"Did {entry.tool} happen? {message}", tx.now)
    move(tx, node, NodeState.WAITING, park=True)
    tx.event(
        EventType.TOOL_INVOCATION_FINISHED,
        {"invocation_id": entry.idempotency_key, "outcome": "unknown", "error": error},
        node,
    )
    tx.event(
        EventType.JOB_WAITING,
        {"node_id": node.path, "wait_kind": "resolution", "correlation_key": key, "reason": message},
        node,
    )


def remains(tx: JobTransaction, node: Node) -> bool:
    """For a node that will not be claimed any more: whether its effect may have happened, and is now shown so.

    A started read is of no interest any more: its entry fails, so that nothing is left open.
    """
    entry = Entry.objects.live(tx.job.pk, node.path) if node.claims else None
    if entry is None or entry.state != EntryState.STARTED:
        return False
    if not entry.effect_class.writes:
        entries.fail(entry, dumps_escaped({"code": "NOT_NEEDED", "message": "The job starts nothing more."}), tx.now)
        return False
    show(tx, node, entry, "LEASE_LOST", "The worker was lost during the call, and the job starts nothing more.")
    return True
