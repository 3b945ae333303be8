"""Sweep: what time alone brings about. Bounded, safe to run twice at once, and never needed for correctness."""

from datetime import timedelta

from jobs.engine import dispatch
from jobs.engine.reclaim import reclaim_if_expired
from jobs.engine.time_out import time_out_if_due
from jobs.models import Job, Node
from signals_app.models import Wait

PAGE = 100
DOORBELL_PATIENCE = timedelta(seconds=10)


def sweep() -> dict[str, int]:
    """Reclaim expired leases, time out waits, ring for due nodes that nobody came for; how many of each."""
    now = Job.objects.now()
    expired = Node.objects.expired(now, PAGE)
    due = Wait.objects.due(now, PAGE)
    return {
        "reclaimed": sum(reclaim_if_expired(job_id, path) for job_id, path in expired),
        "timed_out": sum(time_out_if_due(job_id, key) for job_id, key in due),
        "rung": sum(_ring_again(node) for node in Node.objects.unanswered(now, DOORBELL_PATIENCE, PAGE)),
    }


def _ring_again(node: Node) -> bool:
    """Two sweeps at once ring once: the mark is a compare-and-set."""
    if not Node.objects.mark_rung(node, Job.objects.now()):
        return False
    dispatch.ring(node.job_id, node.path, node.queue)
    return True
