"""Rescue: the lease of an activation whose process was seen to end is taken back at once."""

from uuid import UUID

from jobs.engine.claim import lease_token
from jobs.engine.reclaim import reclaim
from jobs.engine.transaction import job_transaction
from jobs.models import Node


def rescue(job_id: UUID, activation: UUID) -> bool:
    """Reclaim the node that this activation holds; whether it held one. No other activation's lease is touched.

    To be called only when its process is gone for certain. Safe to call late and any number of times.
    """
    with job_transaction(job_id, verb="rescue") as tx:
        for node in Node.objects.running(job_id):
            if node.lease_token == lease_token(activation, node.path, node.claims):
                reclaim(tx, node, "its worker process was lost")
                return True
    return False
