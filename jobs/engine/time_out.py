"""Time out: an open wait that nobody answered in time ends, and what the plan says follows."""

from uuid import UUID

from aetheris.core.canonical import Canonical, dumps_escaped
from jobs.engine import advance, doubt
from jobs.engine.transaction import JobTransaction, if_free
from jobs.models import Node
from jobs.states import NodeState
from signals_app import approvals, waits
from signals_app.models import Wait
from signals_app.states import OnTimeout, WaitKind, WaitState


def time_out(tx: JobTransaction, wait: Wait) -> None:
    """End an open wait whose time is over."""
    waits.time_out(tx.rows, wait, tx.now)
    approval = tx.rows.approval(wait.correlation_key)
    if approval is not None:
        approvals.expire(tx.rows, approval, tx.now)
    node = Node.objects.get(job_id=tx.job.pk, path=wait.node)
    if wait.on_timeout == OnTimeout.CONTINUE:
        doubt.remains(tx, node)
        output = Canonical(dumps_escaped({"timed_out": True, "at": tx.now}))
        advance.complete(tx, node, output, {"result_type": "timed_out", "output": output})
        return
    branch = wait.on_timeout == OnTimeout.BRANCH
    message = f"Nobody answered {wait.correlation_key} in time."
    advance.fail(tx, node, "WAIT_TIMED_OUT", message, timed_out=branch)


def time_out_if_due(job_id: UUID, correlation_key: str) -> bool:
    """For the sweep: end this wait if it is still open and over; whether it was."""
    return if_free(job_id, "time_out", lambda tx: _time_out_due(tx, correlation_key))


def _time_out_due(tx: JobTransaction, correlation_key: str) -> bool:
    wait = Wait.objects.at(tx.job.pk, correlation_key)
    if wait is None or wait.state != WaitState.OPEN or not waits.is_over(wait, tx.now):
        return False
    node = Node.objects.get(job_id=tx.job.pk, path=wait.node)
    if wait.kind == WaitKind.CONDITION and node.state != NodeState.READY:
        return False  # it is looking just now, or waits for a person before it does, and sees to it itself
    time_out(tx, wait)
    return True
