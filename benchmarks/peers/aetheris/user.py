"""What a user's program does: submits in its own process, signals, and waits for results."""

from typing import Any
from uuid import UUID

from benchmarks.measure.marks import await_that
from jobs.engine import result as results
from jobs.engine.sender import Sender
from jobs.engine.signal import signal
from jobs.engine.submit import NewJob, submit, submit_all
from jobs.models import Job, Node

TENANT = "default"
USER = "user:1/bench"
RESULT_BY = "pushed"
"""How a result reaches who waits for it."""
PATIENCE = 60.0
PORTION = 100


def send(agent: str, name: str, size: int = 1) -> UUID:
    """A new job."""
    return submit(agent, f"{name} {size}", tenant=TENANT, requested_by=USER).job_id


class Portions:
    """Sends the jobs that it is told of by the hundred, and with the last of them those that are left."""

    def __init__(self, agent: str, count: int, size: int = 1) -> None:
        self._agent = agent
        self._left = count
        self._size = size
        self._new: list[NewJob] = []
        self.made: list[UUID] = []

    def __call__(self, name: str) -> None:
        self._left -= 1
        self._new.append(NewJob(f"{name} {self._size}"))
        if len(self._new) == PORTION or not self._left:
            made = submit_all(self._agent, self._new, tenant=TENANT, requested_by=USER)
            self.made += [submitted.job_id for submitted in made]
            self._new = []


def go_on(job: UUID) -> None:
    """Answer the wait of a parked job."""
    signal(job, "go", {"ok": True}, Sender(USER, may_signal=True, may_decide=False))


def result(job: UUID) -> Any:
    """The result of a job, in hand as soon as there is one."""
    found = results.result(job, PATIENCE)
    if found.status != "completed":
        raise RuntimeError(f"job {job} is {found.status}")
    return found.result


def stages(job: UUID) -> dict[str, float]:
    """When a job of one step came how far, by the database's clock, which is this machine's."""
    found: dict[str, float] = {}
    for path, started, finished in Node.objects.of_job(job).values_list("path", "started_at", "finished_at"):
        found |= {f"{path} claimed": started.timestamp(), f"{path} committed": finished.timestamp()}
    return found


def parked(first: UUID) -> int:
    return Job.objects.filter(pk__gte=first, state="parked").count()


def await_parked(jobs: list[UUID], seconds: float) -> None:
    first = min(jobs)
    await_that(lambda: parked(first) >= len(jobs), seconds, lambda: parked(first), 0.2)
