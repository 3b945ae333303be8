"""The Celery tasks: doorbells that lead into the engine."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task

from aetheris.conf import configuration
from jobs import messages
from jobs.engine import run
from jobs.engine import sweep as engine_sweep


@shared_task(name=messages.RUN_NODE)
def run_node(job_id: str, path: str) -> None:
    """Look at this node: run it if it is READY. Idempotent; the ledger is checked before anything is called."""
    run.run_node(UUID(job_id), path)


@shared_task(name=messages.SWEEP)
def sweep() -> None:
    """Reclaim, time out, fire, ring again. Rung by beat; any number of beats is safe."""
    engine_sweep.sweep(rest=timedelta(seconds=configuration().sweep_seconds / 2))
