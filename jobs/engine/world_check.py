"""World check: a job that was parked or lost its worker trusts a write's recorded result only after its tool has
looked whether it is still so."""

from aetheris.core import registry
from aetheris.core.canonical import dumps, loads
from aetheris.core.handlers import OnChange
from aetheris.core.outcomes import Done, Outcome
from jobs.engine import advance, facts, retry
from jobs.engine.again import go_again
from jobs.engine.kinds import check
from jobs.engine.kinds.base import Claimed, Prepared, Purpose, Question
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Body, Node
from jobs.states import NodeState
from ledger.event_types import EventType
from ledger.models import Entry, Event
from signals_app import waits
from signals_app.states import WORLD, look_in

CHANGED = "WORLD_CHANGED"


def next_check(tx: JobTransaction) -> tuple[Prepared, Question] | None:
    """What must be checked before any node of this job is run; None when nothing is left to check."""
    stopped_at = tx.job.recheck_before
    if stopped_at is None:
        return None
    names = [declared.name for declared in registry.tools if declared.hooks.verify]
    written = Entry.objects.committed_before(tx.job.pk, names, stopped_at) if names else []
    seen = Entry.objects.committed_steps(tx.job.pk, [check.step_id(entry, stopped_at) for entry in written])
    for entry in written:
        if check.step_id(entry, stopped_at) not in seen:
            recorded = Body.objects.text(tx.job.pk, entry.result or "null")
            prepared = check.prepare(entry, Event.objects.arguments_of(entry), recorded, stopped_at)
            return prepared, Question(Purpose.CHECK, entry.tool, entry.step_id, entry.attempt, entry.idempotency_key)
    tx.change(recheck_before=None)
    return None


def waits_too(tx: JobTransaction, node: Node) -> bool:
    """While a person is asked whether this job goes on, let the node wait for the answer too; whether it does."""
    asked = tx.rows.about_the_world() if tx.job.recheck_before and tx.job.nodes_parked else []
    if asked:
        _ask_a_person(tx, node, look_in(asked[0].correlation_key), asked[0].reason)
    return bool(asked)


def settle(
    tx: JobTransaction, node: Node, claimed: Claimed, question: Question, outcome: Outcome, *, held: bool
) -> None:
    """Record what was seen; then let the node go on, fail its job, or ask a person, as the tool declares."""
    entry = Entry.objects.get(job_id=tx.job.pk, step_id=claimed.step_id, attempt=claimed.attempt)
    if not isinstance(outcome, Done):
        reason = str(getattr(outcome, "message", ""))
        if not held or retry.try_again(tx, node, reason):
            return
        outcome = Done(dumps({"changed": f"It could not be seen: {reason}"}))
    known = facts.record(tx, node, entry, outcome)
    if held and isinstance(known, Done):
        _go_on(tx, node, claimed, question, loads(known.result)["changed"])


def _go_on(tx: JobTransaction, node: Node, claimed: Claimed, question: Question, changed: str | None) -> None:
    if changed is None:
        go_again(tx, node, f"The world is as {question.tool} left it.")
        return
    on_change = registry.tools.get(question.tool).on_change
    tx.event(
        EventType.WORLD_CHANGED,
        {
            "node_id": node.path,
            "invocation_id": question.idempotency_key,
            "tool_name": question.tool,
            "changed": changed,
            "on_change": on_change.value,
        },
        node,
    )
    if on_change is OnChange.WARN:
        go_again(tx, node, changed)
    elif on_change is OnChange.HUMAN and not tx.job.starts_nothing_more:
        _ask_a_person(tx, node, claimed.step_id, f"The world is not as {question.tool} left it: {changed}")
    else:
        advance.fail(tx, node, CHANGED, f"{question.tool}: {changed}", critical=True)


def _ask_a_person(tx: JobTransaction, node: Node, look: str, reason: str) -> None:
    key = f"{WORLD}{look}@{node.position}"
    waits.ask_resolution(tx.job, node.path, key, reason, tx.now)
    move(tx, node, NodeState.WAITING, park=True)
    tx.event(
        EventType.JOB_WAITING,
        {"node_id": node.path, "wait_kind": "resolution", "correlation_key": key, "reason": reason},
        node,
    )
