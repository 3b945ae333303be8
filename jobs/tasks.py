"""The Celery tasks: doorbells that lead into the engine."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import Task, shared_task

from aetheris.conf import configuration
from aetheris.core.ids import new_id
from jobs import messages
from jobs.engine import go_on, pace
from jobs.engine import rescue as engine_rescue
from jobs.engine import sweep as engine_sweep


class Doorbell(Task[Any, Any]):
    """What Celery knows of it while a worker answers it is an `Activation`."""

    Request = "jobs.prefork:Activation"


@shared_task(name=messages.RUN_NODE, base=Doorbell, bind=True)
def run_node(self: Doorbell, job_id: str, path: str) -> None:
    """Look at this node: run it if it is READY, then what else is due. Idempotent; the ledger is checked before
    anything is called."""
    activation = self.request.get("activation")
    queues = list(self.app.amqp.queues.consume_from)
    name = UUID(activation) if activation else new_id()
    go_on.answer(UUID(job_id), path, queues, name, pace_name=self.request.get(pace.HEADER, ""))


@shared_task(name=messages.RESCUE)
def rescue(job_id: str, activation: str) -> None:
    """Take back what a lost child of a prefork worker held, which began with this job. Idempotent; a late one finds
    nothing."""
    engine_rescue.rescue(UUID(activation))


@shared_task(name=messages.SWEEP)
def sweep() -> None:
    """Reclaim, time out, fire, ring again. Rung by beat; any number of beats is safe."""
    engine_sweep.sweep(rest=timedelta(seconds=configuration().sweep_seconds / 2))
