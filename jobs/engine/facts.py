"""Facts: what became of an effect is recorded once, whoever brings it; and the events that tell of effects."""

from typing import Any

from aetheris.core.canonical import Canonical, dumps_escaped, loads
from aetheris.core.outcomes import Done, Doubt, Fail, Outcome
from jobs.engine.transaction import JobTransaction
from jobs.models import Body, Node
from ledger import entries
from ledger.event_types import EventType
from ledger.models import Entry
from ledger.states import EntryKind, EntryState

STARTED = {
    EntryKind.TOOL.value: EventType.TOOL_INVOCATION_STARTED,
    EntryKind.LLM.value: EventType.LLM_INVOCATION_STARTED,
    EntryKind.HTTP.value: EventType.TOOL_INVOCATION_STARTED,
}
FINISHED = {
    EntryKind.TOOL.value: EventType.TOOL_INVOCATION_FINISHED,
    EntryKind.LLM.value: EventType.LLM_INVOCATION_FINISHED,
    EntryKind.HTTP.value: EventType.TOOL_INVOCATION_FINISHED,
}


def record(tx: JobTransaction, node: Node, entry: Entry, outcome: Outcome) -> Outcome:
    """Settle the entry by the first fact; what the ledger holds then. A failure speaks only for its own send: when
    there was another one under the same key, it is doubt."""
    if entry.settled_at is not None:
        _note_conflict(tx, node, entry, outcome)
        return recorded(tx, entry)
    result, error = result_in(outcome), error_in(outcome)
    if result is not None:
        entries.commit(entry, tx.keep(result), tx.now, error=dumps_escaped(error) if error else None)
        tell_finished(tx, node, entry, "success", result=Canonical(result))
    elif isinstance(outcome, Fail) and not entries.may_have_been_sent_before(entry):
        fail(tx, node, entry, error)
    elif isinstance(outcome, Fail):
        return Doubt(outcome.code, outcome.message)
    return outcome


def fail(tx: JobTransaction, node: Node, entry: Entry, error: dict[str, Any] | None) -> None:
    """Record that the effect did not happen, which is certain."""
    entries.fail(entry, dumps_escaped(error), tx.now)
    tell_finished(tx, node, entry, "failure", error=error)


def recorded(tx: JobTransaction, entry: Entry) -> Outcome:
    """What a settled entry says: its result, that its result cannot be used, or that it did not happen."""
    result = None if entry.result is None else Body.objects.text(tx.job.pk, entry.result)
    if result is not None and entry.error is None:
        return Done(result)
    return Fail(result=result, **loads(entry.error or "{}"))


def result_in(outcome: Outcome) -> str | None:
    """The result that an outcome brings, whether it can be used or not."""
    return outcome.result if isinstance(outcome, Done | Fail) else None


def error_in(outcome: Outcome) -> dict[str, Any] | None:
    """Why there is no result, or none that can be used; `again` where policy may try it as a new attempt, `critical`
    where the job starts nothing more."""
    if not isinstance(outcome, Fail | Doubt):
        return None
    flags = {name: True for name in ("again", "critical") if getattr(outcome, name, False)}
    return {"code": outcome.code, "message": outcome.message, **flags}


def tell_started(tx: JobTransaction, node: Node, entry: Entry, arguments: str) -> None:
    """Append that an entry's effect is about to be sent; `arguments` is canonical text."""
    tx.event(
        STARTED[entry.kind],
        {
            **_identity(node, entry),
            "tool_version": entry.tool_version,
            "effect": entry.effect,
            "sends": entry.sends,
            "arguments": Canonical(arguments),
            "arguments_hash": bytes(entry.arguments_digest).hex(),
        },
        node,
    )


def tell_finished(tx: JobTransaction, node: Node, entry: Entry, outcome: str, **fact: Any) -> None:
    """Append what became of it: `success` with a result, `failure` or `unknown` with an error."""
    tx.event(FINISHED[entry.kind], {**_identity(node, entry), "outcome": outcome, **fact}, node)


def _note_conflict(tx: JobTransaction, node: Node, entry: Entry, outcome: Outcome) -> None:
    """A fact that contradicts the settled one changes nothing, and somebody is to look at it. Two looks at the world
    may see different things."""
    if not entry.effect_class.writes:
        return
    result = result_in(outcome)
    surely_not = isinstance(outcome, Fail) and result is None and not entries.may_have_been_sent_before(entry)
    if entry.state == EntryState.COMMITTED:
        contradicts = surely_not or (result is not None and result != (result_in(recorded(tx, entry))))
    else:
        contradicts = result is not None
    if contradicts:
        fact = {"error": error_in(outcome)} if result is None else {"result": Canonical(result)}
        tx.event(EventType.FACT_CONFLICT, {**_identity(node, entry), "stands": entry.state, **fact}, node)
        tx.change(conflicts=tx.job.conflicts + 1)


def _identity(node: Node, entry: Entry) -> dict[str, Any]:
    return {
        "node_id": node.path,
        "invocation_id": entry.idempotency_key,
        "idempotency_key": entry.idempotency_key,
        "tool_name": entry.tool,
    }
