"""A process that falls silent while it holds a job: stopped, or behind a line that carries nothing any more."""

import threading
import time

from django.db import Error, connection

from aetheris.core.graph import TaskGraph
from jobs.engine.transaction import job_transaction
from tests.world import Doorbells, Registered, submitted

PATIENCE_SECONDS = 5.0


def test_it_keeps_its_job_for_seconds_only(registered: Registered, doorbells: Doorbells) -> None:
    # A session from before the migration has no limit.
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    registered.agent(TaskGraph)
    job = submitted()
    holds, may_speak = threading.Event(), threading.Event()
    lost: list[bool] = []

    def fall_silent() -> None:
        try:
            with job_transaction(job.pk):
                holds.set()
                may_speak.wait(30)
        except Error:
            lost.append(True)
        finally:
            connection.close()

    silent = threading.Thread(target=fall_silent)
    silent.start()
    assert holds.wait(10)
    began = time.monotonic()
    with job_transaction(job.pk):
        waited = time.monotonic() - began
    may_speak.set()
    silent.join(10)
    assert PATIENCE_SECONDS - 1 < waited < PATIENCE_SECONDS + 5
    assert lost == [True]
