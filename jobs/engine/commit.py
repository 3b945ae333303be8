"""Commit: what a node's run ended in becomes rows and events. Facts are always recorded; only moves are fenced."""

from aetheris.core.canonical import Canonical, dumps_escaped
from aetheris.core.outcomes import Done, Doubt, Expand, Fail, Outcome
from jobs.engine import advance, doubt
from jobs.engine.expand import expand
from jobs.engine.kinds.base import Claimed
from jobs.engine.kinds.table import KINDS
from jobs.engine.transaction import JobTransaction
from jobs.models import Body, Node
from jobs.states import NodeState
from ledger import entries
from ledger.event_types import EventType
from ledger.models import Entry
from ledger.states import EntryKind, EntryState
from signals_app import waits
from signals_app.models import Wait

FINISHED_EVENT = {
    EntryKind.TOOL.value: EventType.TOOL_INVOCATION_FINISHED,
    EntryKind.LLM.value: EventType.LLM_INVOCATION_FINISHED,
}


def commit(tx: JobTransaction, claimed: Claimed, outcome: Outcome) -> bool:
    """Record the fact, then end the node if `claimed` still holds it; whether it did.

    A worker that lost its lease moves nothing, but the result that it brings back is recorded, and resolves
    the doubt that it left behind.
    """
    node = Node.objects.get(job_id=tx.job.pk, path=claimed.path)
    entry = Entry.objects.live(tx.job.pk, node.path) if claimed.idempotency_key else None
    if entry is not None:
        outcome = _record(tx, node, entry, outcome)
    if node.state == NodeState.RUNNING and node.lease_token == claimed.token:
        _end(tx, node, entry, claimed, outcome)
        return True
    if isinstance(outcome, Done):
        _resolve_doubt(tx, node, outcome)
    return False


def _record(tx: JobTransaction, node: Node, entry: Entry, outcome: Outcome) -> Outcome:
    """Settle the entry by the first fact; the outcome that the ledger now holds."""
    if entry.state == EntryState.COMMITTED:
        return Done(Body.objects.text(tx.job.pk, entry.result or "null"))
    result = outcome.result if isinstance(outcome, Done | Fail) else None
    if result is not None:
        entries.commit(entry, tx.keep(result), tx.now)
        _finished(tx, node, entry, {"outcome": "success", "result": Canonical(result)})
    elif isinstance(outcome, Fail) and entry.sends == 1:
        error = {"code": outcome.code, "message": outcome.message}
        entries.fail(entry, dumps_escaped(error), tx.now)
        _finished(tx, node, entry, {"outcome": "failure", "error": error})
    elif isinstance(outcome, Fail):
        # An earlier send of the same key may still have happened: this failure speaks only for itself.
        return Doubt(outcome.code, outcome.message)
    return outcome


def _end(tx: JobTransaction, node: Node, entry: Entry | None, claimed: Claimed, outcome: Outcome) -> None:
    if isinstance(outcome, Expand):
        expand(tx, node, outcome.graph)
    elif isinstance(outcome, Done):
        advance.complete(tx, node, KINDS[node.type].output(outcome.result), _finish(entry, outcome))
    elif isinstance(outcome, Doubt) and entry and claimed.prepared.intent:
        if not doubt.try_again_later(tx, node, entry, claimed.prepared.intent, outcome.message):
            _give_up(tx, node, entry, outcome)
    else:
        advance.fail(tx, node, outcome.code, outcome.message)


def _give_up(tx: JobTransaction, node: Node, entry: Entry, outcome: Doubt) -> None:
    """Doubt that must not be tried again: shown for an effect that writes, a failure for one that only reads."""
    if entry.effect_class.writes:
        doubt.show(tx, node, entry, outcome.code, outcome.message)
        return
    error = {"code": outcome.code, "message": outcome.message}
    entries.fail(entry, dumps_escaped(error), tx.now)
    _finished(tx, node, entry, {"outcome": "failure", "error": error})
    advance.fail(tx, node, outcome.code, outcome.message)


def _resolve_doubt(tx: JobTransaction, node: Node, outcome: Done) -> None:
    """A late success answers the question what became of the effect."""
    question = Wait.objects.resolution_of(tx.job.pk, node.path)
    if question is not None and node.state == NodeState.WAITING:
        answer = dumps_escaped({"resolution": "happened"})
        waits.resolve(question, answer, tx.actor, tx.now)
        advance.complete(tx, node, KINDS[node.type].output(outcome.result), {"result_type": "side_effect_committed"})


def _finish(entry: Entry | None, outcome: Done) -> dict[str, object]:
    """The rest of `node_finished`: an output that is in the ledger's event already is not stored twice."""
    if entry is None:
        return {"result_type": "pure", "output": Canonical(outcome.result)}
    written = entry.effect_class.writes
    return {
        "result_type": "side_effect_committed" if written else "success",
        "invocation_id": entry.idempotency_key,
    }


def _finished(tx: JobTransaction, node: Node, entry: Entry, fact: dict[str, object]) -> None:
    tx.event(
        FINISHED_EVENT[entry.kind],
        {
            "node_id": node.path,
            "invocation_id": entry.idempotency_key,
            "idempotency_key": entry.idempotency_key,
            "tool_name": entry.tool,
            **fact,
        },
        node,
    )
