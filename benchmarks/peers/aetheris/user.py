"""What a user's program does: submits in its own process, signals, and waits for results."""

import time
from typing import Any
from uuid import UUID

from aetheris.core.canonical import loads
from aetheris.core.graph import PLAN
from benchmarks.measure.marks import await_that
from jobs.engine.sender import Sender
from jobs.engine.signal import signal
from jobs.engine.submit import submit
from jobs.models import Job, Node

TENANT = "default"
USER = "user:1/bench"
RESULT_BY = "polled each 2 ms"
"""How a result reaches who waits for it."""
_PAUSE = 0.002


def send(agent: str, name: str, size: int = 1) -> UUID:
    """A new job."""
    return submit(agent, f"{name} {size}", tenant=TENANT, requested_by=USER).job_id


def send_all(agent: str, count: int, size: int = 1) -> list[UUID]:
    return [send(agent, f"job-{number}", size) for number in range(count)]


def go_on(job: UUID) -> None:
    """Answer the wait of a parked job."""
    signal(job, "go", {"ok": True}, Sender(USER, may_signal=True, may_decide=False))


def result(job: UUID) -> Any:
    """The result of a job, in hand as soon as there is one."""
    while True:
        ending, found = Job.objects.values_list("ending", "result").get(pk=job)
        if ending == "completed" and found is not None:
            return loads(found)
        if ending:
            raise RuntimeError(f"job {job} is {ending}")
        time.sleep(_PAUSE)


def planned_at(job: UUID) -> float:
    """When the plan of a job was stored, by the database's clock, which is this machine's."""
    finished = Node.objects.values_list("finished_at", flat=True).get(job_id=job, path=PLAN)
    assert finished is not None  # noqa: S101  a step has run
    return finished.timestamp()


def completed(first: UUID) -> int:
    """How many jobs have completed, from this one on: ids are in the order of time."""
    return Job.objects.filter(pk__gte=first, ending="completed").count()


def parked(first: UUID) -> int:
    return Job.objects.filter(pk__gte=first, state="parked").count()


def await_completed(jobs: list[UUID], seconds: float) -> None:
    await_that(lambda: completed(jobs[0]) >= len(jobs), seconds, lambda: completed(jobs[0]))


def await_parked(jobs: list[UUID], seconds: float) -> None:
    await_that(lambda: parked(jobs[0]) >= len(jobs), seconds, lambda: parked(jobs[0]), 0.2)
