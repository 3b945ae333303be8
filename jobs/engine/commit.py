"""Commit: what a node's run ended in becomes rows and events. Facts are always recorded; only moves are fenced."""

from django.db import DataError, IntegrityError, transaction

from aetheris.core.canonical import Canonical, dumps_escaped
from aetheris.core.errors import described
from aetheris.core.outcomes import Done, Doubt, Expand, Fail, Outcome
from jobs.engine import advance, doubt, retry
from jobs.engine.expand import expand, store
from jobs.engine.facts import tell_finished
from jobs.engine.kinds.base import Claimed
from jobs.engine.kinds.table import KINDS
from jobs.engine.transaction import JobTransaction
from jobs.models import Node
from jobs.states import NodeState
from ledger import entries
from ledger.models import Entry
from ledger.states import EntryState
from signals_app import waits
from signals_app.models import Wait


def commit(tx: JobTransaction, claimed: Claimed, outcome: Outcome) -> bool:
    """Record the fact, then end the node if `claimed` still holds it; whether it did.

    A worker that lost its lease takes no node from another, but what it brings back is recorded, and answers the
    doubt that it left behind.
    """
    node = Node.objects.get(job_id=tx.job.pk, path=claimed.path)
    entry = Entry.objects.of_attempt(tx.job.pk, claimed.step_id, claimed.attempt) if claimed.attempt else None
    if entry is not None:
        outcome = _record(tx, node, entry, outcome)
    if node.state == NodeState.RUNNING and node.lease_token == claimed.token:
        _end(tx, node, entry, claimed, outcome)
        return True
    if entry is not None:
        _late(tx, node, entry, outcome)
    return False


def _record(tx: JobTransaction, node: Node, entry: Entry, outcome: Outcome) -> Outcome:
    """Settle the entry by the first fact; the outcome that the ledger now holds."""
    if entry.state == EntryState.COMMITTED:
        return doubt.recorded(tx, entry)
    if entry.state == EntryState.FAILED:
        return outcome
    result = outcome.result if isinstance(outcome, Done | Fail) else None
    error = {"code": outcome.code, "message": outcome.message} if isinstance(outcome, Fail | Doubt) else None
    if result is not None:
        entries.commit(entry, tx.keep(result), tx.now, error=dumps_escaped(error) if error else None)
        tell_finished(tx, node, entry, "success", result=Canonical(result))
    elif isinstance(outcome, Fail) and entry.sends == 1:
        entries.fail(entry, dumps_escaped(error), tx.now)
        tell_finished(tx, node, entry, "failure", error=error)
    elif isinstance(outcome, Fail):
        # An earlier send of the same key may still have happened: this failure speaks only for itself.
        return Doubt(outcome.code, outcome.message)
    return outcome


def _end(tx: JobTransaction, node: Node, entry: Entry | None, claimed: Claimed, outcome: Outcome) -> None:
    if isinstance(outcome, Expand):
        _expand(tx, node, outcome)
    elif isinstance(outcome, Done):
        advance.complete(tx, node, KINDS[node.type].output(outcome.result), _finish(entry, outcome))
    elif isinstance(outcome, Doubt) and entry and claimed.prepared.intent:
        if not doubt.try_again(tx, node, entry, claimed.prepared.intent, outcome.message):
            _give_up(tx, node, entry, outcome)
    elif not (isinstance(outcome, Fail) and outcome.again and retry.try_again(tx, node, outcome.message)):
        critical = isinstance(outcome, Fail) and outcome.critical
        advance.fail(tx, node, outcome.code, outcome.message, critical=critical)


def _expand(tx: JobTransaction, node: Node, outcome: Expand) -> None:
    """A graph that the rows refuse fails its node: planned again, it would be refused again."""
    try:
        with transaction.atomic():
            nodes = store(tx, node, outcome.graph)
    except (DataError, IntegrityError, ValueError) as error:
        advance.fail(tx, node, "PLAN_NOT_STORABLE", described(error))
    else:
        expand(tx, node, outcome.graph, nodes)


def _give_up(tx: JobTransaction, node: Node, entry: Entry, outcome: Doubt) -> None:
    """Doubt that must not be tried again: shown for an effect that writes, a failure for one that only reads."""
    if entry.effect_class.writes:
        doubt.show(tx, node, entry, outcome.code, outcome.message)
        return
    error = {"code": outcome.code, "message": outcome.message}
    entries.fail(entry, dumps_escaped(error), tx.now)
    tell_finished(tx, node, entry, "failure", error=error)
    advance.fail(tx, node, outcome.code, outcome.message)


def _late(tx: JobTransaction, node: Node, entry: Entry, outcome: Outcome) -> None:
    """A late fact answers the question what became of the effect, or ends a node that nobody has taken since."""
    if not isinstance(outcome, Done | Fail):
        return
    question = Wait.objects.resolution_of(tx.job.pk, node.path)
    if node.state == NodeState.WAITING and question is not None:
        happened = "happened" if isinstance(outcome, Done) or outcome.result is not None else "did not happen"
        waits.resolve(question, dumps_escaped({"resolution": happened}), tx.actor, tx.now)
    elif node.state != NodeState.READY or isinstance(outcome, Done) or outcome.again:
        return
    if isinstance(outcome, Done):
        advance.complete(tx, node, KINDS[node.type].output(outcome.result), _finish(entry, outcome))
    else:
        advance.fail(tx, node, outcome.code, outcome.message, critical=outcome.critical)


def _finish(entry: Entry | None, outcome: Done) -> dict[str, object]:
    """The rest of `node_finished`: an output that is in the ledger's event already is not stored twice."""
    if entry is None:
        return {"result_type": "pure", "output": Canonical(outcome.result)}
    written = entry.effect_class.writes
    return {
        "result_type": "side_effect_committed" if written else "success",
        "invocation_id": entry.idempotency_key,
    }
