"""Reclaim: a node whose lease ran out becomes READY for anybody; what it left in doubt is met at its next claim."""

from uuid import UUID

from jobs.engine.settle import end_if_done, stop_the_rest
from jobs.engine.transaction import job_transaction
from jobs.engine.transitions import move
from jobs.models import Node
from jobs.states import NodeState
from ledger.event_types import EventType


def reclaim_if_expired(job_id: UUID, path: str) -> bool:
    """Take back this node's lease if it has still run out, judged by the database's clock; whether it had."""
    with job_transaction(job_id) as tx:
        node = Node.objects.at(job_id, path)
        if node is None or node.lease_expires_at is None or node.lease_expires_at > tx.now:
            return False
        tx.event(
            EventType.NODE_RECLAIMED,
            {"node_id": path, "claims": node.claims, "reason": "lease expired"},
            node,
        )
        move(tx, node, NodeState.READY, crashes=node.crashes + 1, rung_at=tx.now)
        if tx.job.starts_nothing_more:
            stop_the_rest(tx)
            end_if_done(tx)
        return True
