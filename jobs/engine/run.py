"""Run: one activation takes a node, runs it outside any transaction, commits, and goes straight on to the next.

The commit of a node and the claim of its successor are one transaction; nothing on the successor's side can
undo the commit. A claim or commit whose answer is lost is looked up on a new connection: done, or done again.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from aetheris.core import contract
from aetheris.core.errors import described
from aetheris.core.ids import new_id
from aetheris.core.log_fields import about
from aetheris.core.outcomes import Doubt, Outcome
from jobs.engine import heartbeat, stopping, transactional
from jobs.engine.activation import Activation
from jobs.engine.claim import claim
from jobs.engine.commit import commit
from jobs.engine.give_back import give_back
from jobs.engine.kinds import ask, check
from jobs.engine.kinds.base import Claimed, Purpose
from jobs.engine.kinds.table import KINDS
from jobs.engine.patience import given_back, set_aside, until_answered
from jobs.engine.transaction import JobTransaction, job_transaction
from jobs.models import Job, Node
from jobs.states import NodeType

logger = logging.getLogger(__name__)

SLICE_SECONDS = 30.0
COMPUTED = {NodeType.PLAN, NodeType.FUNCTION, NodeType.WORKFLOW}
"""Nodes that wait for nothing outside: the activation keeps its connection meanwhile."""
QUESTIONS = {Purpose.ASK: ask, Purpose.CHECK: check}


def run_node(job_id: UUID, path: str, activation: UUID | None = None) -> bool:
    """Run this node if it is READY, then what follows it, for at most one slice of time; whether it was READY.

    Safe to call any number of times, at once and late: only the caller whose claim lands runs the node. `activation`
    is this call's own name, by which `rescue` can find its lease.
    """
    ends = time.monotonic() + SLICE_SECONDS
    hand = Activation(job_id, activation or new_id())
    with about(job_id=str(job_id), node=path):
        first = claimed = None if stopping.has_begun() else _start(hand, path)
    while claimed is not None:
        with about(tenant=claimed.job.tenant, job_id=str(job_id), node=claimed.path):
            if stopping.has_begun() and give_back(claimed):
                break
            outcome = None if claimed.is_transactional else _perform(claimed)
            go_on = time.monotonic() < ends and not stopping.has_begun()
            claimed = _commit_and_go_on(hand, claimed, outcome, go_on=go_on)
    return first is not None


def _start(hand: Activation, path: str) -> Claimed | None:
    try:
        return _until_answered(lambda attempt: _claim(hand, path, attempt), f"the claim of {path}")
    except Job.DoesNotExist:
        logger.warning("a doorbell rang for job %s, which does not exist", hand.job_id)
        return None


def _claim(hand: Activation, path: str, attempt: "_Attempt") -> None:
    def act(tx: JobTransaction) -> None:
        attempt.tx = tx
        attempt.successor = claim(tx, path, hand.name)

    hand.transact("claim", act)


def _perform(claimed: Claimed) -> Outcome:
    """Call the node's handler, holding the lease, and a connection only where it computes."""
    if claimed.recorded is not None:
        return claimed.recorded
    connection_meanwhile = set_aside() if claimed.type in COMPUTED and not claimed.question else given_back()
    try:
        with (
            connection_meanwhile,
            heartbeat.of_this_process().hold(claimed.token) as stop,
            contract.closed(f"Node {claimed.path}"),
        ):
            handler = QUESTIONS[claimed.question.purpose] if claimed.question else KINDS[claimed.type]
            return handler.call(claimed, stop)
    except BaseException as error:
        # SystemExit and its like come from the handler's code: the thread is the pool's, and the node must end.
        return Doubt("HANDLER_BROKE_OUT", described(error))


def _commit_and_go_on(hand: Activation, claimed: Claimed, outcome: Outcome | None, *, go_on: bool) -> Claimed | None:
    """Commit, and claim what follows. Without an outcome the node is run inside its commit."""
    what = f"the commit of {claimed.path}"
    if go_on:
        try:
            return _until_answered(lambda attempt: _commit(hand, claimed, outcome, attempt, go_on=True), what)
        except Exception:
            logger.exception("the successor of %s could not be claimed; committing it alone", claimed.path)
    return _until_answered(lambda attempt: _commit(hand, claimed, outcome, attempt, go_on=False), what)


@dataclass
class _Attempt:
    """What this worker chose before it sent a claim or commit: found in the rows, it has landed. `successor` is what
    this worker has claimed by it."""

    tx: JobTransaction | None = None
    successor: Claimed | None = None


def _commit(hand: Activation, claimed: Claimed, outcome: Outcome | None, attempt: _Attempt, *, go_on: bool) -> None:
    if outcome is not None:
        hand.transact("commit", lambda tx: _record(tx, claimed, outcome, attempt, go_on=go_on))
        return
    hand.forget()
    with transactional.performed(claimed) as known, job_transaction(claimed.job.pk, verb="commit") as tx:
        if not _record(tx, claimed, known, attempt, go_on=go_on):
            attempt.successor = None
            transactional.undo()


def _record(tx: JobTransaction, claimed: Claimed, outcome: Outcome, attempt: _Attempt, *, go_on: bool) -> bool:
    """Commit and claim in one transaction; whether `claimed` still held its node."""
    attempt.tx, attempt.successor = tx, None
    held = commit(tx, claimed, outcome)
    if not held:
        logger.warning("%s of job %s was taken over; its fact is recorded", claimed.path, claimed.job.pk)
    if go_on and (following := _following(tx, claimed)):
        attempt.successor = claim(tx, following, claimed.activation)
    return held


def _following(tx: JobTransaction, claimed: Claimed) -> str | None:
    """The node to go on with: one of this queue that became READY here, else one that the job has READY. None also
    while something of a higher priority waits in this queue: a doorbell continues the job later."""
    ready = next((node for node in tx.ready() if node.queue == claimed.queue), None)
    if ready is None and tx.job.nodes_ready + tx.job.nodes_delayed:
        ready = tx.rows.next_ready(claimed.queue, tx.now)
    if ready is not None and tx.rows.is_outranked(claimed.queue):
        tx.moved(ready)
        return None
    return ready.path if ready else None


def _until_answered(send: Callable[["_Attempt"], None], what: str) -> Claimed | None:
    """Send a claim or commit until the database has said what became of it; the node that was claimed by it."""
    attempt = _Attempt()

    def once() -> Claimed | None:
        if attempt.tx is None or not _has_landed(attempt.tx):
            send(attempt)
        return attempt.successor

    return until_answered(once, what)


def _has_landed(sent: JobTransaction) -> bool:
    """Wait out the transaction that was sent, by its job's lock, then look for its token."""
    with job_transaction(sent.job.pk, verb="look_up"):
        return Node.objects.filter(job_id=sent.job.pk, moved_by=sent.token).exists()
