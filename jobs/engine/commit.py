"""Commit: what a node's run ended in becomes rows and events. Facts are always recorded; only moves are fenced."""

from aetheris.core.outcomes import Outcome
from jobs.engine import facts, reconcile, world_check
from jobs.engine.again import make_ready
from jobs.engine.effects import EffectDoubt, store_values
from jobs.engine.ending import end
from jobs.engine.kinds.base import Claimed, Purpose
from jobs.engine.late import settle_late
from jobs.engine.transaction import JobTransaction
from jobs.models import Node
from jobs.states import NodeState
from ledger.models import Entry

SETTLE = {Purpose.ASK: reconcile.settle, Purpose.CHECK: world_check.settle}


def commit(tx: JobTransaction, claimed: Claimed, outcome: Outcome) -> bool:
    """Record the fact, then end the node if `claimed` still holds it; whether it did.

    A worker that lost its lease takes no node from another, but what it brings back is recorded, and answers the
    doubt that it left behind.
    """
    node = Node.objects.get(job_id=tx.job.pk, path=claimed.path)
    held = node.state == NodeState.RUNNING and node.lease_token == claimed.token
    if claimed.question is not None:
        SETTLE[claimed.question.purpose](tx, node, claimed, claimed.question, outcome, held=held)
        return held
    if isinstance(outcome, EffectDoubt):
        if held:
            _end_in_doubt(tx, node, outcome)
        return held
    if held:
        store_values(tx, node, claimed.values)
    entry = Entry.objects.of_attempt(tx.job.pk, claimed.step_id, claimed.attempt) if claimed.attempt else None
    was_settled = entry is not None and entry.settled_at is not None
    if entry is not None:
        outcome = facts.record(tx, node, entry, outcome)
    if held:
        end(tx, node, outcome, entry, claimed.prepared.intent)
    elif entry is not None and not was_settled:
        settle_late(tx, node, entry, outcome)
    return held


def _end_in_doubt(tx: JobTransaction, node: Node, outcome: EffectDoubt) -> None:
    """A step ends for the doubt about an effect, or goes on at once when the answer has come since."""
    entry = Entry.objects.get(job_id=tx.job.pk, step_id=outcome.step_id, attempt=outcome.attempt)
    if entry.settled_at is None:
        end(tx, node, outcome, entry, outcome.intent)
    else:
        make_ready(tx, node)
