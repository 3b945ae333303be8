"""Doubt: a call ended without an answer that can be read. Tried again where that is harmless, else shown."""

from aetheris.core.canonical import dumps_escaped, loads
from aetheris.core.outcomes import Done, Fail, Outcome
from jobs.engine import retry
from jobs.engine.facts import tell_finished
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Body, Node
from jobs.states import NodeState
from ledger import entries
from ledger.entries import Intent
from ledger.event_types import EventType
from ledger.models import Entry
from ledger.states import EntryState
from signals_app import waits


def try_again(tx: JobTransaction, node: Node, entry: Entry, intent: Intent, reason: str) -> bool:
    """Send the same effect again later, under the same key; False when that could repeat it or tries are spent."""
    return entries.may_send_again(entry, intent, tx.now) and retry.try_again(tx, node, reason)


def show(tx: JobTransaction, node: Node, entry: Entry, code: str, message: str) -> None:
    """The effect is UNKNOWN: nothing is sent again, and the node waits to hear what became of it."""
    error = {"code": code, "message": message}
    entries.doubt(entry, dumps_escaped(error))
    key = f"resolution:{entry.step_id}:{entry.attempt}"
    waits.ask_resolution(tx.job, node.path, key, f"Did {entry.tool} happen? {message}", tx.now)
    move(tx, node, NodeState.WAITING, park=True)
    tell_finished(tx, node, entry, "unknown", error=error)
    tx.event(
        EventType.JOB_WAITING,
        {"node_id": node.path, "wait_kind": "resolution", "correlation_key": key, "reason": message},
        node,
    )


def recorded(tx: JobTransaction, entry: Entry) -> Outcome:
    """What a committed entry says: its result, or that its result cannot be used."""
    result = Body.objects.text(tx.job.pk, entry.result or "null")
    if entry.error is None:
        return Done(result)
    error = loads(entry.error)
    return Fail(error["code"], error["message"], result=result)


def remains(
    tx: JobTransaction,
    node: Node,
    code: str = "LEASE_LOST",
    message: str = "The worker was lost during the call, and the node is not run again.",
) -> bool:
    """For a node that will not be claimed any more: whether its effect may have happened, and is now shown so.

    A started read is of no interest any more: its entry fails, so that nothing is left open.
    """
    entry = Entry.objects.live(tx.job.pk, node.path) if node.claims else None
    if entry is None or entry.state != EntryState.STARTED:
        return False
    if not entry.effect_class.writes:
        error = {"code": "NOT_NEEDED", "message": "The node is not run again."}
        entries.fail(entry, dumps_escaped(error), tx.now)
        tell_finished(tx, node, entry, "failure", error=error)
        return False
    show(tx, node, entry, code, message)
    return True
