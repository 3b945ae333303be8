"""The Celery tasks: doorbells that lead into the engine."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import Task, shared_task

from aetheris.conf import configuration
from jobs import messages
from jobs.engine import rescue as engine_rescue
from jobs.engine import run
from jobs.engine import sweep as engine_sweep


class Doorbell(Task[Any, Any]):
    """What Celery knows of it while a worker answers it is an `Activation`."""

    Request = "jobs.prefork:Activation"


@shared_task(name=messages.RUN_NODE, base=Doorbell, bind=True)
def run_node(self: Doorbell, job_id: str, path: str) -> None:
    """Look at this node: run it if it is READY. Idempotent; the ledger is checked before anything is called."""
    activation = self.request.get("activation")
    run.run_node(UUID(job_id), path, activation and UUID(activation))


@shared_task(name=messages.RESCUE)
def rescue(job_id: str, activation: str) -> None:
    """Take back what a lost child of a prefork worker held. Idempotent; a late one finds nothing."""
    engine_rescue.rescue(UUID(job_id), UUID(activation))


@shared_task(name=messages.SWEEP)
def sweep() -> None:
    """Reclaim, time out, fire, ring again. Rung by beat; any number of beats is safe."""
    engine_sweep.sweep(rest=timedelta(seconds=configuration().sweep_seconds / 2))
