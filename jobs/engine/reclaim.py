"""Reclaim: a node whose worker is gone becomes READY for anybody; what it left in doubt is met at its next claim."""

from uuid import UUID

from aetheris.conf import configuration
from jobs.engine import advance, doubt
from jobs.engine.settle import end_if_done, stop_the_rest
from jobs.engine.transaction import JobTransaction, if_free
from jobs.engine.transitions import move
from jobs.models import Node
from jobs.states import NodeState
from ledger.event_types import EventType
from ledger.models import Entry
from ledger.states import EntryState


def reclaim_if_expired(job_id: UUID, path: str) -> bool:
    """Take back this node's lease if it has still run out, judged by the database's clock; whether it had."""
    return if_free(job_id, lambda tx: _reclaim_if_expired(tx, path))


def _reclaim_if_expired(tx: JobTransaction, path: str) -> bool:
    node = Node.objects.at(tx.job.pk, path)
    if node is None or node.lease_expires_at is None or node.lease_expires_at > tx.now:
        return False
    reclaim(tx, node, "lease expired")
    return True


def reclaim(tx: JobTransaction, node: Node, reason: str) -> None:
    """Take a RUNNING node's lease back and count the crash: READY again, or given up after too many."""
    tx.event(EventType.NODE_RECLAIMED, {"node_id": node.path, "claims": node.claims, "reason": reason}, node)
    move(tx, node, NodeState.READY, crashes=node.crashes + 1, rung_at=tx.now)
    if tx.job.starts_nothing_more:
        stop_the_rest(tx)
        end_if_done(tx)
    elif node.crashes >= configuration().crash_limit:
        _give_up(tx, node)


def _give_up(tx: JobTransaction, node: Node) -> None:
    """A node that loses its worker again and again is not given to another one, unless its result is there."""
    entry = Entry.objects.live(tx.job.pk, node.path)
    recorded = entry is not None and entry.state == EntryState.COMMITTED
    if not recorded and not doubt.remains(tx, node):
        message = f"Its worker was lost {node.crashes} times while it ran."
        advance.fail(tx, node, "CRASHED_TOO_OFTEN", message)
