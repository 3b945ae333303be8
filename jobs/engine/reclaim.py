"""Reclaim: a node whose worker is gone becomes READY for anybody; what it left in doubt is met at its next claim."""

from uuid import UUID

from aetheris.conf import configuration
from jobs.engine import advance
from jobs.engine.again import make_ready
from jobs.engine.transaction import JobTransaction, if_free
from jobs.models import Node
from ledger.event_types import EventType
from ledger.models import Entry
from ledger.states import EntryState


def reclaim_if_expired(job_id: UUID, path: str) -> bool:
    """Take back this node's lease if it has still run out, judged by the database's clock; whether it had."""
    return if_free(job_id, "reclaim", lambda tx: _reclaim_if_expired(tx, path))


def _reclaim_if_expired(tx: JobTransaction, path: str) -> bool:
    node = Node.objects.at(tx.job.pk, path)
    if node is None or node.lease_expires_at is None or node.lease_expires_at > tx.now:
        return False
    reclaim(tx, node, "lease expired")
    return True


def reclaim(tx: JobTransaction, node: Node, reason: str) -> None:
    """Take a RUNNING node's lease back and count the crash: READY again, or given up after too many."""
    tx.event(EventType.NODE_RECLAIMED, {"node_id": node.path, "claims": node.claims, "reason": reason}, node)
    tx.change(recheck_before=tx.now)
    make_ready(tx, node, crashes=node.crashes + 1)
    if not tx.job.starts_nothing_more and node.crashes >= configuration().crash_limit:
        _give_up(tx, node)


def _give_up(tx: JobTransaction, node: Node) -> None:
    """A node that loses its worker again and again is not given to another one, unless its result is there."""
    entry = Entry.objects.live(tx.job.pk, node.path)
    recorded = entry is not None and entry.state == EntryState.COMMITTED
    if not recorded:
        message = f"Its worker was lost {node.crashes} times while it ran."
        advance.fail(tx, node, "CRASHED_TOO_OFTEN", message)
