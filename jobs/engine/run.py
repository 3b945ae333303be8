"""Run: one activation takes a node, runs it outside any transaction, commits, and goes straight on to the next.

The commit of a node and the claim of its successor are one transaction; nothing on the successor's side can
undo the commit. A claim or commit whose answer is lost is looked up on a new connection: done, or done again.
Branches of a quick function are claimed and committed several at a time. An instant node runs, and its commit is
made ready, while its claim is being stored.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from django.db import Error

from aetheris.core.ids import new_id
from aetheris.core.log_fields import about
from aetheris.core.outcomes import Outcome
from jobs.engine import pace, stopping, together, transactional
from jobs.engine.activation import Activation
from jobs.engine.claim import claim
from jobs.engine.commit import commit
from jobs.engine.give_back import give_back
from jobs.engine.kinds.base import Claimed
from jobs.engine.known import KnownRows
from jobs.engine.patience import Patience, until_answered
from jobs.engine.perform import Performed, perform_together
from jobs.engine.together import Writing
from jobs.engine.transaction import JobTransaction, job_transaction
from jobs.models import Job, Node
from jobs.states import NodeType

logger = logging.getLogger(__name__)

SLICE_SECONDS = 30.0


def run_node(job_id: UUID, path: str, activation: UUID | None = None, *, at_once: bool = False) -> bool:
    """Run this node if it is READY, then what follows it, for at most one slice of time; whether it was READY.

    Safe to call any number of times, at once and late: only the caller whose claim lands runs the node. `activation`
    is this call's own name, by which `rescue` can find its leases. With `at_once` an instant node may be run before
    its claim is sent, which then is one with its commit: only for the first who comes, because a node that takes its
    worker with it then leaves no trace of that.
    """
    with about(job_id=str(job_id), node=path):
        return together.alone(_running(Activation(job_id, activation or new_id()), path, at_once=at_once))


def run_side_by_side(nodes: Sequence[tuple[UUID, str]], activation: UUID) -> list[bool]:
    """Run instant nodes of several jobs, and what follows them as long as that is instant, in one thread and with one
    commit for all; which of them were READY."""
    known = until_answered(lambda: KnownRows.load_all([job_id for job_id, _ in nodes]), "what is known of several jobs")
    hands = [(Activation.among_others(job_id, activation, known.pop(job_id, None)), path) for job_id, path in nodes]
    return [bool(was_ready) for was_ready in together.side_by_side(_running(hand, path) for hand, path in hands)]


def _running(hand: Activation, path: str, *, at_once: bool = False) -> Writing[bool]:
    ends = time.monotonic() + SLICE_SECONDS
    try:
        first = last = _Attempt() if stopping.has_begun() else (yield from _start(hand, path, ends, at_once=at_once))
        while _has_run(hand, last):
            last = yield from _commit_and_go_on(hand, last, ends)
    finally:
        hand.bells.ring()
    return first.was_ready


def _has_run(hand: Activation, attempt: "_Attempt") -> bool:
    """Run what was claimed and has not run yet; whether there is anything to be committed."""
    if not attempt.performed:
        attempt.claimed = _kept(hand, attempt.claimed)
        attempt.performed = perform_together(attempt.claimed, hand.bells) if attempt.claimed else []
    return bool(attempt.performed)


def _kept(hand: Activation, claimed: list[Claimed]) -> list[Claimed]:
    """What is run here: others get back what a worker that is to end has not begun, and what has to wait for a
    function that has become slow."""
    most = 0 if stopping.has_begun() or not claimed else pace.together(claimed[0].pace_name)
    if len(claimed) <= most:
        return claimed
    hand.forget()
    return claimed[:most] + [node for node in claimed[most:] if not give_back(node)]


def _start(hand: Activation, path: str, ends: float, *, at_once: bool) -> "Writing[_Attempt]":
    try:
        claiming = partial(_claim, hand, path, ends, at_once=at_once)
        return (yield from _answered(claiming, f"the claim of {path}"))
    except Job.DoesNotExist:
        logger.warning("a doorbell rang for job %s, which does not exist", hand.job_id)
        return _Attempt()
    except Exception:
        if not at_once:
            raise
        logger.exception("%s could not be run with its claim, and is claimed first", path)
        return (yield from _start(hand, path, ends, at_once=False))


def _claim(hand: Activation, path: str, ends: float, attempt: "_Attempt", *, at_once: bool) -> Writing[None]:
    def act(tx: JobTransaction) -> None:
        attempt.begin(tx)
        claimed = claim(tx, path, hand.name)
        attempt.claimed = [claimed] if claimed is not None else []
        attempt.was_ready = claimed is not None
        if at_once and _are_run_at_once(tx, attempt.claimed):
            _run_at_once(tx, hand, attempt)
            if claimed is not None and claimed.type == NodeType.PLAN and _are_run_at_once(tx, attempt.claimed):
                _run_at_once(tx, hand, attempt)

    return hand.transacting("claim", act, partial(_go_ahead, hand, attempt, ends))


def _run_at_once(tx: JobTransaction, hand: Activation, attempt: "_Attempt") -> None:
    """Run what is claimed before the claim is sent, and record how it has ended."""
    performed = perform_together(attempt.claimed, hand.bells)
    left = attempt.claimed[len(performed) :]
    _record(tx, hand, _ended(performed), attempt, go_on=not left and not stopping.has_begun())
    attempt.claimed = left + attempt.claimed


def _go_ahead(hand: Activation, attempt: "_Attempt", ends: float) -> None:
    """Run what is claimed while that is being stored, and begin its commit. If the claim does not land, this is as if
    a worker had been lost with it."""
    if not _may_go_ahead(hand, attempt):
        return
    claimed = attempt.claimed
    try:
        attempt.performed = perform_together(claimed, hand.bells)
    except Exception:
        logger.exception("%s could not be run while it is being claimed, and is run afterwards", claimed[0].path)
        return
    if len(attempt.performed) == len(claimed):
        attempt.following = following = _Attempt()
        go_on = _may_go_on(attempt, ends)
        ended = _ended(attempt.performed)
        hand.begin(lambda tx: _record(tx, hand, ended, following, go_on=go_on), claimed[-1].path)


def _are_run_at_once(tx: JobTransaction, claimed: list[Claimed]) -> bool:
    """Never while the job's lock is held, and never what asks somebody outside."""
    return bool(claimed) and tx.rows.are_known and all(_is_instant(each) for each in claimed)


def _is_instant(claimed: Claimed) -> bool:
    return claimed.only_computes and claimed.claims == 1 and pace.is_instant(claimed.pace_name)


def _is_for(hand: Activation, job: Job, node: Node) -> bool:
    """Whoever goes side by side with others runs only what does not keep them waiting."""
    if not hand.in_company:
        return True
    return (
        node.claims == 0
        and job.recheck_before is None
        and pace.is_instant(pace.name_of(job.agent.name, node.type, node.config))
    )


def _may_go_ahead(hand: Activation, attempt: "_Attempt") -> bool:
    """Never where others would have to wait for it: for the doorbells of another queue."""
    claimed, tx = attempt.claimed, attempt.tx
    if tx is None or not (hand.goes_ahead and claimed) or stopping.has_begun():
        return False
    return all(_is_instant(each) for each in claimed) and all(node.queue == claimed[0].queue for node in tx.ready())


def _commit_and_go_on(hand: Activation, last: "_Attempt", ends: float) -> "Writing[_Attempt]":
    """Commit, and claim what follows."""
    performed = last.performed
    left = last.claimed[len(performed) :]
    what = f"the commit of {performed[0][0].path}"
    go_on = _may_go_on(last, ends)
    if go_on or last.following:
        try:
            return (yield from _answered(partial(_commit, hand, performed, ends, go_on=go_on), what, last.following))
        except Exception:
            logger.exception("what follows could not be claimed with %s, which comes alone now", what)
    following = yield from _answered(partial(_commit, hand, performed, ends, go_on=False), what)
    following.claimed = left + following.claimed
    return following


def _may_go_on(last: "_Attempt", ends: float) -> bool:
    is_all = len(last.performed) == len(last.claimed)
    return is_all and time.monotonic() < ends and not stopping.has_begun()


def _ended(performed: Performed) -> list[tuple[Claimed, Outcome]]:
    return [(claimed, outcome) for claimed, outcome in performed if outcome is not None]


@dataclass
class _Attempt:
    """What this worker chose before it sent a claim or commit: found in the rows, it has landed. `claimed` is what it
    has claimed by it, `performed` how what has run of that has ended, and `following` the commit of it that has begun.
    """

    tx: JobTransaction | None = None
    was_ready: bool = False
    claimed: list[Claimed] = field(default_factory=list)
    performed: Performed = field(default_factory=list)
    following: "_Attempt | None" = None

    def begin(self, tx: JobTransaction) -> None:
        """It is chosen anew."""
        self.tx, self.claimed, self.performed, self.following = tx, [], [], None


def _commit(hand: Activation, performed: Performed, ends: float, attempt: _Attempt, *, go_on: bool) -> Writing[None]:
    first, _ = performed[0]
    if first.records_by_itself or first.is_transactional:
        hand.forget()
    if ended := _ended(performed):
        meanwhile = partial(_go_ahead, hand, attempt, ends)
        yield from hand.transacting("commit", lambda tx: _record(tx, hand, ended, attempt, go_on=go_on), meanwhile)
        return
    with transactional.performed(first) as known, job_transaction(hand.job_id, verb="commit") as tx:
        if not _record(tx, hand, [(first, known)], attempt, go_on=go_on):
            attempt.claimed = []
            transactional.undo()


def _record(
    tx: JobTransaction, hand: Activation, ended: list[tuple[Claimed, Outcome]], attempt: _Attempt, *, go_on: bool
) -> bool:
    """Commit and claim in one transaction; whether all nodes were still held."""
    attempt.begin(tx)
    held = [_is_committed(tx, claimed, outcome) for claimed, outcome in ended]
    if go_on:
        attempt.claimed = _claim_following(tx, hand, ended[-1][0])
    if attempt.claimed and attempt.claimed[0].only_computes:
        tx.call_for = partial(hand.bells.keep, attempt.claimed[0].queue)
    return all(held)


def _is_committed(tx: JobTransaction, claimed: Claimed, outcome: Outcome) -> bool:
    held = commit(tx, claimed, outcome)
    if not held:
        logger.warning("%s of job %s was taken over; its fact is recorded", claimed.path, claimed.job.pk)
    return held


def _claim_following(tx: JobTransaction, hand: Activation, last: Claimed) -> list[Claimed]:
    """Claim the next node, with others of its function while that is quick; but what may have taken a worker with it
    is claimed alone."""
    following = _following(tx, hand, last)
    first = claim(tx, following, last.activation) if following else None
    if first is None:
        return []
    claimed = [first]
    while len(claimed) < pace.together(first.pace_name) and (more := _claim_like(tx, first)):
        claimed.append(more)
    return claimed


def _claim_like(tx: JobTransaction, first: Claimed) -> Claimed | None:
    node = tx.rows.next_ready(first.queue, tx.now) if tx.job.nodes_ready else None
    if node is None or node.claims + first.claims > 1 or node.settings.get("function") != first.function:
        return None
    return claim(tx, node.path, first.activation)


def _following(tx: JobTransaction, hand: Activation, claimed: Claimed) -> str | None:
    """The node to go on with: one of this queue that became READY here, else one that the job has READY. None also
    for one that is not for this activation, and while something of a higher priority waits in this queue: a doorbell
    continues the job later."""
    ready = next((node for node in tx.ready() if node.queue == claimed.queue), None)
    if ready is None and tx.job.nodes_ready + tx.job.nodes_delayed:
        ready = tx.rows.next_ready(claimed.queue, tx.now)
    if ready is not None and (not _is_for(hand, tx.job, ready) or tx.rows.is_outranked(claimed.queue)):
        tx.moved(ready)
        return None
    return ready.path if ready else None


def _answered(send: Callable[[_Attempt], Writing[None]], what: str, begun: _Attempt | None = None) -> Writing[_Attempt]:
    """Send a claim or commit, which may have begun, until the database has said what became of it."""
    attempt, is_new = begun or _Attempt(), True
    patience = Patience(what)
    while True:
        try:
            if is_new or attempt.tx is None or not _has_landed(attempt.tx):
                is_new = False
                yield from send(attempt)
            return attempt
        except Error as error:
            patience.bear(error)


def _has_landed(sent: JobTransaction) -> bool:
    """Wait out the transaction that was sent, by its job's lock, then look for its token."""
    with job_transaction(sent.job.pk, verb="look_up"):
        return Node.objects.filter(job_id=sent.job.pk, moved_by=sent.token).exists()
