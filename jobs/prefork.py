"""Prefork: what a worker's main process does about a child that was killed.

It sees that at once and for certain, so that what the child held need not wait for the end of its lease. It asks
another process for that: this one forks, so it opens no connection to the database, and it must not wait.
"""

from typing import Any

from celery import bootsteps
from celery.concurrency.prefork import TaskPool
from celery.exceptions import WorkerLostError
from celery.worker.request import Request

from aetheris.core.ids import new_id
from jobs.engine import dispatch

LOOK_SECONDS = 1.0


class Activation(Request):
    """One delivery of a doorbell, with a name of its own that whoever answers it claims by."""

    def __init__(self, message: Any, **options: Any) -> None:
        super().__init__(message, **options)
        self.request_dict["activation"] = str(new_id())

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        if issubclass(exc_info.type, WorkerLostError):
            dispatch.ask_for_rescue(self.args[0], self.request_dict["activation"])
        super().on_failure(exc_info, send_failed_event, return_ok)


class WatchStep(bootsteps.StartStopStep):
    """Looks after the children each second: by itself Celery may notice a killed one only after five."""

    requires = ("celery.worker.components:Pool",)
    label = "Watch"

    def include_if(self, worker: Any) -> bool:
        return isinstance(worker.pool_cls, type) and issubclass(worker.pool_cls, TaskPool)

    def register_with_event_loop(self, worker: Any, hub: Any) -> None:
        hub.call_repeatedly(LOOK_SECONDS, worker.pool.maintain_pool)
