"""Result: wait for the end of a job."""

import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aetheris.core.canonical import shown
from aetheris.live.doorbell import Doorbell
from jobs import news
from jobs.models import Body, Job


@dataclass(frozen=True)
class Result:
    """How a job stands: `status`, and what it amounts to once it is `final`."""

    job_id: UUID
    status: str
    outcome: str
    result: Any
    error: Any
    final: bool


def result(job_id: UUID, timeout: float = 0.0) -> Result:
    """The job as it stands when it ends, or after `timeout` seconds. Whoever waits is told by the commit and asks the
    database twice, however long he waits. Raises `Job.DoesNotExist`."""
    job = Job.objects.get(pk=job_id)
    if job.is_final or timeout <= 0:
        return result_of(job)
    ends = time.monotonic() + timeout
    ended = threading.Event()
    with news.hearing(job, lambda doorbell: ring_for_the_end(doorbell, ended)):
        job.refresh_from_db()
        while not job.is_final and (left := ends - time.monotonic()) > 0:
            ended.clear()
            ended.wait(left)
            job.refresh_from_db()
    return result_of(job)


def ring_for_the_end(doorbell: Doorbell | None, ended: threading.Event) -> None:
    """Wake whoever waits for the end alone."""
    if doorbell is None or doorbell.ended:
        ended.set()


def result_of(job: Job) -> Result:
    """What a job amounts to, as it stands."""
    stored = job.result
    value = None if stored is None else shown(Body.objects.text(job.pk, stored))
    return Result(job.pk, job.state, job.outcome, value, job.error_value, job.is_final)
