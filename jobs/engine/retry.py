"""Retry: a node gets another try, later, as its policy says."""

from datetime import timedelta

from aetheris.core.retry import RetryPolicy
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Node
from jobs.states import NodeState
from ledger.event_types import EventType


def policy_of(node: Node) -> RetryPolicy:
    """The node's own policy, else the default one."""
    return RetryPolicy(**(node.options.get("retry") or {}))


def try_again(tx: JobTransaction, node: Node, reason: str) -> bool:
    """Make a running node READY after its pause; False when its tries are spent or the job starts nothing more."""
    pause = policy_of(node).delay_seconds(node.tries + 1)
    if pause is None or tx.job.starts_nothing_more:
        return False
    due = tx.now + timedelta(seconds=pause)
    move(tx, node, NodeState.READY, tries=node.tries + 1, not_before=due, rung_at=None)
    tx.event(
        EventType.NODE_RETRYING,
        {"node_id": node.path, "tries": node.tries, "not_before": due, "reason": reason},
        node,
    )
    return True
