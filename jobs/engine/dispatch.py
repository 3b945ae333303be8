"""Doorbells: a Celery message says "look at this node". Losing or doubling one changes only the speed."""

import logging
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction

from jobs.messages import RUN_NODE

logger = logging.getLogger(__name__)


def ring_after_commit(job_id: UUID, path: str, queue: str, priority: int) -> None:
    """Ring for a node as soon as the transaction that made it READY has committed."""
    transaction.on_commit(partial(ring, job_id, path, queue, priority))


def ring(job_id: UUID, path: str, queue: str, priority: int) -> None:
    """Ring now. A broker that does not answer is only a delay: the sweep rings again."""
    try:
        current_app.send_task(RUN_NODE, args=(str(job_id), path), queue=queue, priority=priority)
    except Exception as error:
        logger.warning("no doorbell for %s %s: %s", job_id, path, error)
