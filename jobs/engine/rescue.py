"""Rescue: the leases of an activation whose process was seen to end are taken back at once."""

from uuid import UUID

from jobs.engine.claim import lease_token
from jobs.engine.reclaim import reclaim
from jobs.engine.transaction import job_transaction
from jobs.models import Node


def rescue(activation: UUID) -> bool:
    """Reclaim the nodes that this activation holds, of whichever job; whether it held one. No other activation's lease
    is touched.

    To be called only when its process is gone for certain. Safe to call late and any number of times.
    """
    jobs = {node.job_id for node in Node.objects.running() if _holds(activation, node)}
    rescued = [_rescue(job_id, activation) for job_id in jobs]
    return any(rescued)


def _rescue(job_id: UUID, activation: UUID) -> bool:
    with job_transaction(job_id, verb="rescue") as tx:
        held = [node for node in Node.objects.running().filter(job_id=job_id) if _holds(activation, node)]
        for node in held:
            reclaim(tx, node, "its worker process was lost")
    return bool(held)


def _holds(activation: UUID, node: Node) -> bool:
    return node.lease_token == lease_token(activation, node.job_id, node.path, node.claims)
