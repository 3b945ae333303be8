"""Doubt: a call ended without an answer that can be read. Tried again where that is harmless, else shown."""

from aetheris.core.canonical import dumps_escaped
from aetheris.core.recourse import Recourse
from jobs.engine import facts, retry
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Node
from jobs.states import NodeState
from ledger import entries
from ledger.entries import Intent
from ledger.event_types import EventType
from ledger.models import Entry
from signals_app import waits
from signals_app.models import Wait


def try_again(tx: JobTransaction, node: Node, entry: Entry, intent: Intent, reason: str) -> bool:
    """Send the same effect again later, under the same key, or ask its provider then; False when neither may be done
    or tries are spent."""
    may = entries.recourse(tx.rows, entry, intent, tx.now) is not Recourse.SHOW
    return may and retry.try_again(tx, node, reason)


def give_up(tx: JobTransaction, node: Node, entry: Entry, code: str, message: str) -> bool:
    """Try no more: an effect that writes is shown (True); one that only reads has failed, and its node may (False)."""
    if entry.effect_class.leaves_doubt:
        show(tx, node, entry, code, message)
        return True
    facts.fail(tx, node, entry, {"code": code, "message": message})
    return False


def show(tx: JobTransaction, node: Node, entry: Entry, code: str, message: str) -> None:
    """The effect is UNKNOWN: nothing is sent again, and the node waits to hear what became of it."""
    error = {"code": code, "message": message}
    entries.doubt(tx.rows, entry, dumps_escaped(error))
    key = Wait.objects.next_question(tx.job.pk, entries.question_key(entry))
    waits.ask_resolution(tx.job, node.path, key, f"Did {entry.tool} happen? {message}", tx.now)
    move(tx, node, NodeState.WAITING, park=True)
    facts.tell_finished(tx, node, entry, "unknown", error=error)
    tx.event(
        EventType.JOB_WAITING,
        {
            "node_id": node.path,
            "wait_kind": "resolution",
            "correlation_key": key,
            "reason": message,
            "invocation_id": entry.idempotency_key,
            "settled_by": entry.settled_by,
        },
        node,
    )


def remains(
    tx: JobTransaction,
    node: Node,
    code: str = "LEASE_LOST",
    message: str = "The worker was lost during the call, and the node is not run again.",
) -> bool:
    """For a node that is to end: whether an effect of it may have happened, and is now shown so.

    A started read is of no interest any more, and a transactional effect was rolled back: their entries fail, so that
    nothing is left open.
    """
    doubtful = tx.rows.undecided_of(node)
    for entry in doubtful:
        if not entry.effect_class.leaves_doubt:
            facts.fail(tx, node, entry, {"code": "NOT_NEEDED", "message": "The node is not run again."})
    writes = [entry for entry in doubtful if entry.effect_class.leaves_doubt]
    if writes:
        show(tx, node, writes[0], code, message)
    return bool(writes)
