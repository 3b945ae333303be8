"""Park: a wait node that is reached holds no worker; it opens its wait, or takes the signal that came early."""

from jobs.engine.answer import record_answer
from jobs.engine.kinds import tool
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Node
from jobs.states import NodeState
from ledger.event_types import EventType
from signals_app import approvals, mailbox, waits
from signals_app.approvals import Subject
from signals_app.models import Wait
from signals_app.states import DECIDED_BY_PEOPLE


def open_wait(tx: JobTransaction, node: Node) -> None:
    """Open the wait of a node whose incoming edges are decided. An early signal completes the node at once.

    In a process without the code of what is to be approved, the node becomes READY for one that has it. Raises
    `AetherisError`, with nothing written, when the arguments that are to be approved do not exist.
    """
    wait = tx.rows.wait_of(node.path)
    if not _is_here(tx, wait):
        if node.state == NodeState.BLOCKED:
            move(tx, node, NodeState.READY, rung_at=tx.now)
        return
    subject = _subject(tx, wait)
    waits.open_wait(tx.rows, wait, tx.now)
    move(tx, node, NodeState.WAITING, started_at=tx.now)
    payload = {
        "node_id": node.path,
        "wait_kind": wait.kind,
        "correlation_key": wait.correlation_key,
        "reason": wait.reason,
        "park": wait.park,
        "expires_at": wait.expires_at,
    }
    if wait.kind in DECIDED_BY_PEOPLE:
        approval = approvals.request(tx.rows, tx.job, wait, subject, tx.now)
        payload |= {
            "approval_id": str(approval.pk),
            "approves": wait.approves,
            "arguments": approval.arguments_value,
        }
    tx.event(EventType.JOB_WAITING, payload, node)
    if kept := tx.rows.signal(wait.correlation_key):
        tx.rows.apply_signal(kept, tx.now)
        record_answer(tx, wait, node, tx.rows.text(kept.payload), kept.sender)
    elif letter := mailbox.first_for(wait):
        mailbox.take(letter, wait, tx.now)
        record_answer(tx, wait, node, tx.rows.text(letter.payload), letter.sender)


def _is_here(tx: JobTransaction, wait: Wait) -> bool:
    return not wait.approves or tool.is_here(tx.job, _step(tx, wait))


def _subject(tx: JobTransaction, wait: Wait) -> Subject | None:
    """The exact call that the wait's approval is about."""
    if not wait.approves:
        return None
    return tool.subject(tx.rows, _step(tx, wait))


def _step(tx: JobTransaction, wait: Wait) -> Node:
    step = tx.rows.node(wait.approves)
    assert step is not None  # noqa: S101  a plan that names another is refused
    return step
