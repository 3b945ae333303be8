"""Run: one activation takes a node, runs it outside any transaction, commits, and goes straight on to the next.

The commit of a node and the claim of its successor are one transaction; nothing on the successor's side can
undo the commit.
"""

import logging
import time
from uuid import UUID

from django.db import connection

from aetheris.core.outcomes import Done, Outcome
from jobs.engine import heartbeat
from jobs.engine.claim import claim
from jobs.engine.commit import commit
from jobs.engine.kinds.base import Claimed
from jobs.engine.kinds.table import KINDS
from jobs.engine.transaction import job_transaction
from jobs.models import Job

logger = logging.getLogger(__name__)

SLICE_SECONDS = 30.0


def run_node(job_id: UUID, path: str) -> None:
    """Answer a doorbell: run this node if it is READY, then what follows it, for at most one slice of time.

    Safe to call any number of times, at once and late: only the caller whose claim lands runs the node.
    """
    ends = time.monotonic() + SLICE_SECONDS
    claimed = _start(job_id, path)
    while claimed is not None:
        outcome = _perform(claimed)
        if outcome is None:
            return
        claimed = _commit_and_go_on(claimed, outcome, go_on=time.monotonic() < ends)


def _start(job_id: UUID, path: str) -> Claimed | None:
    try:
        with job_transaction(job_id) as tx:
            return claim(tx, path)
    except Job.DoesNotExist:
        logger.warning("a doorbell rang for job %s, which does not exist", job_id)
        return None


def _perform(claimed: Claimed) -> Outcome | None:
    """Call the node's handler, holding the lease and no connection. None: too late to begin, nothing was sent."""
    if claimed.recorded is not None:
        return Done(claimed.recorded)
    if connection.in_atomic_block:
        raise RuntimeError("a node is never run inside a transaction")
    connection.close()
    with heartbeat.of_this_process().hold(claimed.token):
        if time.monotonic() > claimed.send_until:
            return None
        return KINDS[claimed.type].call(claimed)


def _commit_and_go_on(claimed: Claimed, outcome: Outcome, *, go_on: bool) -> Claimed | None:
    if not go_on:
        return _commit(claimed, outcome, go_on=False)
    try:
        return _commit(claimed, outcome, go_on=True)
    except Exception:
        logger.exception("the successor of %s could not be claimed; committing it alone", claimed.path)
        return _commit(claimed, outcome, go_on=False)


def _commit(claimed: Claimed, outcome: Outcome, *, go_on: bool) -> Claimed | None:
    with job_transaction(claimed.job.pk) as tx:
        landed = commit(tx, claimed, outcome)
        if not landed:
            logger.warning("%s of job %s was taken over; its fact is recorded", claimed.path, claimed.job.pk)
        if go_on and (ready := tx.ready()):
            return claim(tx, ready[0].path)
    return None
