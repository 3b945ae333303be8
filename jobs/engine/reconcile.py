"""Reconcile: what asking the provider found out about an effect in doubt, and what follows from it."""

from aetheris.core.canonical import dumps
from aetheris.core.findings import DidNotHappen, Finding, Happened, Undecided
from aetheris.core.outcomes import Done, Fail, Outcome
from jobs.engine import doubt, facts, retry
from jobs.engine.again import go_again, make_ready
from jobs.engine.ending import end_by_fact
from jobs.engine.kinds.ask import finding_in
from jobs.engine.kinds.base import Claimed, Question
from jobs.engine.late import close_if_asked, settle_late
from jobs.engine.transaction import JobTransaction
from jobs.models import Node
from ledger import entries
from ledger.models import Entry
from ledger.states import EntryState

NOT_SETTLED = "It may still take effect; the provider is asked again once it cannot."


def settle(
    tx: JobTransaction, node: Node, claimed: Claimed, question: Question, outcome: Outcome, *, held: bool
) -> None:
    """Record what was found out; then, if `claimed` still holds the node, go on by what the ledger says now."""
    ask = Entry.objects.get(job_id=tx.job.pk, step_id=claimed.step_id, attempt=claimed.attempt)
    asked = Entry.objects.get(job_id=tx.job.pk, step_id=question.step_id, attempt=question.attempt)
    finding = finding_in(outcome)
    was_settled = asked.settled_at is not None
    told = _believe(tx, node, asked, finding, ask)
    _close(tx, node, ask, outcome, decided=asked.settled_at is not None, finding=finding)
    if held:
        _go_on(tx, node, asked, told, finding)
    elif not was_settled and isinstance(told, Done):
        settle_late(tx, node, asked, told)
    elif not was_settled and told is not None and close_if_asked(tx, node, asked):
        make_ready(tx, node)


def _believe(tx: JobTransaction, node: Node, asked: Entry, finding: Finding, ask: Entry) -> Outcome | None:
    """Settle the entry by what was found out. "It did not happen" counts only when it was asked after the last moment
    at which something that was sent could take effect."""
    if isinstance(finding, Happened):
        return facts.record(tx, node, asked, Done(dumps(finding.result)))
    if (
        isinstance(finding, DidNotHappen)
        and asked.settled_at is None
        and entries.is_settled_by(asked, ask.first_sent_at)
    ):
        told = Fail("DID_NOT_HAPPEN", f"{asked.tool} did not happen.", again=True)
        facts.fail(tx, node, asked, facts.error_in(told))
        return told
    return None


def _close(tx: JobTransaction, node: Node, ask: Entry, outcome: Outcome, *, decided: bool, finding: Finding) -> None:
    """A question that decided nothing has failed, so that it can be asked again."""
    if ask.settled_at is not None:
        return
    if decided and isinstance(outcome, Done):
        facts.record(tx, node, ask, outcome)
    else:
        reason = finding.reason if isinstance(finding, Undecided) else NOT_SETTLED
        facts.fail(tx, node, ask, {"code": "UNDECIDED", "message": reason})


def _go_on(tx: JobTransaction, node: Node, asked: Entry, told: Outcome | None, finding: Finding) -> None:
    if asked.state == EntryState.COMMITTED:
        end_by_fact(tx, node, told or facts.recorded(tx, asked), asked)
    elif asked.state == EntryState.FAILED:
        go_again(tx, node, f"{asked.tool} did not happen.")
    elif isinstance(finding, DidNotHappen) and not tx.job.starts_nothing_more:
        go_again(tx, node, NOT_SETTLED, not_before=entries.after_settling(asked), rung_at=None)
    elif not retry.try_again(tx, node, getattr(finding, "reason", NOT_SETTLED)):
        doubt.show(tx, node, asked, "UNDECIDED", getattr(finding, "reason", NOT_SETTLED))
