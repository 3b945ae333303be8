"""The inbox: a signal that comes before its wait opens is kept, and the first one stands."""

from datetime import datetime
from uuid import UUID

from aetheris.core.ids import new_id
from jobs.models import Body, Job
from signals_app.models import Signal


def kept(job_id: UUID, correlation_key: str) -> Signal | None:
    """The signal that is kept, or was applied, under this key."""
    return Signal.objects.first_for(job_id, correlation_key)


def store(
    job: Job,
    correlation_key: str,
    payload: str,
    sender: str,
    now: datetime,
    applied_at: datetime | None = None,
) -> Signal:
    """Keep a signal; `payload` is canonical text. The caller holds the job's lock and looked with `kept`."""
    return Signal.objects.create(
        job=job,
        id=new_id(),
        tenant=job.tenant,
        correlation_key=correlation_key,
        payload=Body.objects.keep(job, payload),
        sender=sender,
        received_at=now,
        applied_at=applied_at,
    )
