"""Until: a node that looks again and again, as a read tool of the agent, until what it sees is as the plan wants it.

Between two looks the node is READY with a time before which nobody takes it, and its job counts as parked.
"""

from datetime import timedelta

from aetheris.core.canonical import loads
from aetheris.core.references import holds
from jobs.engine.time_out import time_out
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Node
from jobs.states import NodeState
from ledger.event_types import EventType
from signals_app import waits
from signals_app.models import Wait
from signals_app.states import WaitState


def waits_on(tx: JobTransaction, node: Node, seen: str) -> bool:
    """Whether the node is to look again, or its time is over, and this has been seen to. `seen` is canonical text."""
    until = node.settings.get("until")
    if not isinstance(until, dict):
        return False
    wait = Wait.objects.of_node(tx.job.pk, node.path)
    if wait.state == WaitState.DECLARED:
        waits.open_wait(tx.rows, wait, tx.now)
    if holds(until["when"], node.key, loads(seen)):
        waits.resolve(tx.rows, wait, tx.keep(seen), tx.actor, tx.now)
        return False
    if waits.is_over(wait, tx.now):
        time_out(tx, wait)
    else:
        _look_again(tx, node, wait, timedelta(seconds=until["every"]))
    return True


def _look_again(tx: JobTransaction, node: Node, wait: Wait, pause: timedelta) -> None:
    waits.count_look(tx.rows, wait)
    look_at = tx.now + pause if wait.expires_at is None else min(tx.now + pause, wait.expires_at)
    move(tx, node, NodeState.READY, not_before=look_at, rung_at=None, tries=0)
    tx.event(
        EventType.JOB_WAITING,
        {
            "node_id": node.path,
            "wait_kind": wait.kind,
            "correlation_key": wait.correlation_key,
            "reason": wait.reason,
            "park": wait.park,
            "expires_at": wait.expires_at,
            "looks": wait.looks,
            "look_at": look_at,
        },
        node,
    )
