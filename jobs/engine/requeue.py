"""Requeue: a failed job goes on where it failed. What happened stays; what did not happen is tried again."""

from uuid import UUID

from aetheris.core.canonical import dumps
from aetheris.core.errors import Refused
from jobs.engine.advance import enter, lead_on
from jobs.engine.transaction import JobTransaction, job_transaction
from jobs.engine.transitions import revive_all
from jobs.models import Job, Node
from jobs.states import JobState
from ledger.event_types import EventType
from signals_app import waits
from signals_app.models import Approval, Wait
from signals_app.states import WaitState


def requeue(job_id: UUID, *, actor: str, reason: str = "") -> Job:
    """Let a failed job go on; the job as it stands then. Every node that failed, or was cancelled for that, begins
    anew, with all the tries of its policy; an effect that happened is not repeated, one that did not gets a new key.

    Raises `Refused`: `JOB_NOT_FOUND`, `JOB_NOT_FAILED`, or `CANNOT_RETRY` where people were asked already, or a nested
    plan was cut short; `NotCanonical` for a reason that is no text.
    """
    dumps(reason)
    try:
        with job_transaction(job_id, actor, verb="requeue") as tx:
            if tx.job.ending != JobState.FAILED:
                raise Refused(f"The job has not failed: it is {tx.job.state}.", code="JOB_NOT_FAILED")
            _requeue(tx, Node.objects.given_up(tx.job.pk), reason)
    except Job.DoesNotExist:
        raise Refused(f"There is no job {job_id}.", code="JOB_NOT_FOUND") from None
    return Job.objects.select_related("agent").get(pk=job_id)


def _requeue(tx: JobTransaction, nodes: list[Node], reason: str) -> None:
    waiting = Wait.objects.of_nodes(tx.job.pk, [node.path for node in nodes])
    _check(tx, nodes, waiting)
    tx.event(EventType.JOB_REQUEUED, {"reason": reason, "nodes": [node.path for node in nodes]})
    tx.change(ending="", outcome="", finished_at=None, error=None, recheck_before=tx.now)
    if tx.job.deadline_at is not None:
        tx.change(deadline_at=tx.now + (tx.job.deadline_at - tx.job.created_at))
    for wait in waiting:
        waits.declare_again(tx.rows, wait)
    revive_all(tx, nodes)
    ended = enter(tx, [node for node in nodes if node.unmet == 0])
    lead_on(tx, *ended, *Node.objects.undecided(tx.job.pk))


def _check(tx: JobTransaction, nodes: list[Node], waiting: list[Wait]) -> None:
    """An answer binds for ever, so nobody is asked the same question twice."""
    if any(node.scope or node.children_open for node in nodes):
        raise Refused("A nested plan was cut short; submit again.", code="CANNOT_RETRY")
    asked = {approval.correlation_key for approval in Approval.objects.of_job(tx.job.pk)}
    for wait in waiting:
        if wait.state != WaitState.CANCELLED or wait.correlation_key in asked:
            raise Refused(f"{wait.correlation_key} was asked already; submit again.", code="CANNOT_RETRY")
