"""An answer ends its wait: wait, approval and node change together, and the answer is the node's output."""

from typing import Any

from aetheris.core.canonical import Canonical, loads
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Node
from jobs.states import Ending, NodeState
from ledger.event_types import EventType
from signals_app import approvals, waits
from signals_app.models import Wait
from signals_app.states import DECIDED_BY_PEOPLE


def record_answer(tx: JobTransaction, wait: Wait, node: Node, answer: str, answered_by: str) -> None:
    """Complete an open wait and its node. `answer` is canonical text that fits the wait. Does not lead on."""
    payload: Any = loads(answer)
    stored = tx.keep(answer)
    waits.resolve(tx.rows, wait, stored, answered_by, tx.now)
    ending = Ending.SUCCESS
    decision = {}
    if wait.kind in DECIDED_BY_PEOPLE:
        ending = Ending.SUCCESS if payload["approved"] else Ending.REFUSED
        decision = _decide_approval(tx, wait, payload, answered_by)
    tx.event(
        EventType.WAIT_COMPLETED,
        {
            "node_id": node.path,
            "correlation_key": wait.correlation_key,
            "payload": Canonical(answer),
            "decided_by": answered_by,
            "ending": ending.value,
            **decision,
        },
        node,
    )
    move(tx, node, NodeState.COMPLETED, ending=ending.value, output=stored)


def _decide_approval(tx: JobTransaction, wait: Wait, payload: dict[str, Any], decided_by: str) -> dict[str, Any]:
    """Decide the wait's approval; what was decided about, for the event."""
    approval = tx.rows.approval(wait.correlation_key)
    if approval is None:
        return {}
    approvals.decide(
        tx.rows,
        approval,
        approved=payload["approved"],
        reason=payload.get("reason", ""),
        decided_by=decided_by,
        now=tx.now,
    )
    return {"approval_id": str(approval.pk), "step": approval.step, "arguments": approval.arguments_value}
