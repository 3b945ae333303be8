"""Time out: an open wait that nobody answered in time ends, and its node fails."""

from uuid import UUID

from jobs.engine import advance
from jobs.engine.transaction import JobTransaction, job_transaction
from jobs.models import Node
from signals_app import approvals, waits
from signals_app.models import Approval, Wait
from signals_app.states import WaitState


def time_out(tx: JobTransaction, wait: Wait) -> None:
    """End an open wait whose time is over."""
    waits.time_out(wait, tx.now)
    approval = Approval.objects.of_wait(tx.job.pk, wait.correlation_key)
    if approval is not None:
        approvals.expire(approval, tx.now)
    node = Node.objects.get(job_id=tx.job.pk, path=wait.node)
    advance.fail(tx, node, "WAIT_TIMED_OUT", f"Nobody answered {wait.correlation_key} in time.")


def time_out_if_due(job_id: UUID, correlation_key: str) -> bool:
    """For the sweep: end this wait if it is still open and over; whether it was."""
    with job_transaction(job_id) as tx:
        wait = Wait.objects.at(job_id, correlation_key)
        due = wait is not None and wait.state == WaitState.OPEN and waits.is_over(wait, tx.now)
        if wait is not None and due:
            time_out(tx, wait)
        return due
