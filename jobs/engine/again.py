"""Again: a node goes back to READY, for whoever comes; in a job that starts nothing more it stops instead."""

from typing import Any

from jobs.engine.settle import end_if_done, stop_the_rest
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Node
from jobs.states import NodeState
from ledger.event_types import EventType


def release(tx: JobTransaction, node: Node, reason: str) -> None:
    """Let the node be claimed once more; a worker that holds it lets go of it, and says so."""
    tell_released(tx, node, reason)
    make_ready(tx, node)


def tell_released(tx: JobTransaction, node: Node, reason: str) -> None:
    """Append that whoever holds the node lets go of it, unless nobody does."""
    if node.state == NodeState.RUNNING:
        tx.event(EventType.NODE_RELEASED, {"node_id": node.path, "claims": node.claims, "reason": reason}, node)


def make_ready(tx: JobTransaction, node: Node, **columns: Any) -> None:
    """Let the node be claimed once more."""
    move(tx, node, NodeState.READY, rung_at=tx.now, **columns)
    if tx.job.starts_nothing_more:
        stop_the_rest(tx)
        end_if_done(tx)
