"""News: what this process's waiters are told of jobs, as soon as it is committed."""

import os
from collections.abc import Collection
from contextlib import AbstractContextManager

from django.db import connection

from aetheris.live.doorbell import Doorbell, channel_of, channels_of, job_in
from aetheris.live.listener import Listener, Ring
from jobs.models import Job


def _look(channels: Collection[str]) -> dict[str, Doorbell | None]:
    """One statement for all jobs that somebody waits for; who waits for all jobs of a tenant looks himself."""
    of_jobs = {job_id: channel for channel in channels if (job_id := job_in(channel))}
    found: dict[str, Doorbell | None] = dict.fromkeys(set(channels) - set(of_jobs.values()))
    try:
        for job_id, seq, is_final in Job.objects.standing(of_jobs) if of_jobs else ():
            found[of_jobs[job_id]] = Doorbell(seq, is_final)
    finally:
        connection.close()
    return found


class _Process:
    listener = Listener(_look)


def hearing(job: Job, ring: Ring) -> AbstractContextManager[None]:
    """While the body runs, `ring` is told what happens to a job: look at it in the body, and again when it rings."""
    return _Process.listener.hearing(channel_of(job.tenant, job.pk), ring)


def hearing_all(tenant: str, ring: Ring) -> AbstractContextManager[None]:
    """The same for all jobs of a tenant."""
    return _Process.listener.hearing(channels_of(tenant), ring)


def _after_fork() -> None:
    """Threads are not inherited."""
    _Process.listener = Listener(_look)


os.register_at_fork(after_in_child=_after_fork)
