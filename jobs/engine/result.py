"""Result: wait for the end of a job."""

import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

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
    """The job as it stands when it ends, or after `timeout` seconds. Whoever waits is told by the commit, asks the
    database no more often the longer he waits, and holds no connection meanwhile. Not to be called in a transaction,
    which would not see the end. Raises `Job.DoesNotExist`."""
    job = Job.objects.as_it_stands(job_id)
    if job.is_final or timeout <= 0:
        return result_of(job)
    ends = time.monotonic() + timeout
    ended = threading.Event()

    def ring(doorbell: Doorbell | None) -> None:
        if doorbell is None or doorbell.ended:
            ended.set()

    with news.hearing(job, ring):
        while True:
            ended.clear()  # before the look: what ends after it rings again
            job = Job.objects.as_it_stands(job_id)
            left = ends - time.monotonic()
            if job.is_final or left <= 0:
                return result_of(job)
            connection.close()
            ended.wait(left)


def result_of(job: Job) -> Result:
    """What a job amounts to, as it stands."""
    stored = job.result
    value = None if stored is None else shown(Body.objects.text(job.pk, stored))
    return Result(job.pk, job.state, job.outcome, value, job.error_value, job.is_final)
