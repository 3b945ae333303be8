"""Again: a node goes back to READY, for whoever comes; in a job that starts nothing more it stops instead."""

from typing import Any

from jobs.engine.settle import end_if_done, stop_the_rest
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Node
from jobs.states import NodeState
from ledger.event_types import EventType


def make_ready(tx: JobTransaction, node: Node, **columns: Any) -> None:
    """Let the node be claimed once more."""
    move(tx, node, NodeState.READY, **{"rung_at": tx.now, **columns})
    if tx.job.starts_nothing_more:
        stop_the_rest(tx)
        end_if_done(tx)


def go_again(tx: JobTransaction, node: Node, reason: str, **columns: Any) -> None:
    """Let a node that was held for something else than its own work be claimed for that, and tell why."""
    told = {"tries": node.tries, "not_before": columns.get("not_before"), "reason": reason}
    tx.event(EventType.NODE_RETRYING, {"node_id": node.path, **told}, node)
    make_ready(tx, node, **columns)
