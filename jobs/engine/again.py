"""Again: a node goes back to READY, for whoever comes; in a job that starts nothing more it stops instead."""

from typing import Any

from jobs.engine.settle import end_if_done, stop_the_rest
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Node
from jobs.states import NodeState


def make_ready(tx: JobTransaction, node: Node, **columns: Any) -> None:
    """Let the node be claimed once more."""
    move(tx, node, NodeState.READY, rung_at=tx.now, **columns)
    if tx.job.starts_nothing_more:
        stop_the_rest(tx)
        end_if_done(tx)
