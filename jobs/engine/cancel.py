"""Cancel: a job starts nothing more. What waits ends at once; what runs is asked to stop, its facts are recorded."""

from uuid import UUID

from aetheris.core.canonical import dumps
from aetheris.core.errors import Refused
from jobs.engine.settle import end_if_done, stop_the_rest
from jobs.engine.transaction import job_transaction
from jobs.models import Job
from jobs.states import JobState
from ledger.event_types import EventType


def cancel(job_id: UUID, *, actor: str, reason: str = "") -> Job:
    """Ask a job to stop; the job as it stands then. A second time changes nothing.

    It is `cancelled` once no node runs and no effect is in doubt. Raises `Refused`: `JOB_NOT_FOUND`, or
    `JOB_FINISHED` when it has ended otherwise; `NotCanonical` for a reason that is no text.
    """
    dumps(reason)
    try:
        with job_transaction(job_id, actor, verb="cancel") as tx:
            if tx.job.is_final and tx.job.ending != JobState.CANCELLED:
                raise Refused(f"The job has ended as {tx.job.ending}.", code="JOB_FINISHED")
            if tx.job.cancel_requested_at is None:
                tx.event(EventType.JOB_CANCEL_REQUESTED, {"reason": reason})
                tx.change(cancel_requested_at=tx.now)
                stop_the_rest(tx)
                end_if_done(tx)
    except Job.DoesNotExist:
        raise Refused(f"There is no job {job_id}.", code="JOB_NOT_FOUND") from None
    return Job.objects.select_related("agent").get(pk=job_id)
