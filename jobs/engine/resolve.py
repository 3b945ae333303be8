"""Resolve: a person says what became of an effect that nobody else can find out about."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from aetheris.core import registry
from aetheris.core.canonical import dumps
from aetheris.core.errors import AetherisError, Refused, described, storable
from aetheris.core.outcomes import Done, Fail
from jobs.engine import advance, facts
from jobs.engine.again import make_ready
from jobs.engine.ending import end_by_fact
from jobs.engine.possible import Case, Resolution, check
from jobs.engine.sender import ALREADY, APPLIED, PROPOSED, Sender, check_decider
from jobs.engine.transaction import JobTransaction, job_transaction
from jobs.models import Job, Node
from ledger.event_types import EventType
from ledger.models import Entry
from ledger.states import EntryState
from signals_app import waits
from signals_app.models import Wait
from signals_app.states import WaitKind, WaitState, look_in

Answer = dict[str, Any]


def resolve(job_id: UUID, correlation_key: str, answer: Answer, sender: Sender) -> str:
    """Answer the question what became of an effect: `{"resolution": …, "result": …, "reason": …}`.

    `applied`; `already` when the same was said before; `proposed` when a second person must say the same. Raises
    `Refused`, with nothing changed: `JOB_NOT_FOUND`, `INVALID_SIGNAL_KEY`, `MAY_NOT_DECIDE`,
    `REQUESTER_MAY_NOT_DECIDE` and what `decide_effect` raises.
    """
    try:
        with job_transaction(job_id, sender.principal, verb="resolve") as tx:
            wait = Wait.objects.at(tx.job.pk, correlation_key)
            if wait is None or wait.kind != WaitKind.RESOLUTION:
                raise Refused("No effect of this job is in doubt under that key.", code="INVALID_SIGNAL_KEY")
            check_decider(tx.job, sender)
            return decide_effect(tx, wait, answer)
    except Job.DoesNotExist:
        raise Refused(f"There is no job {job_id}.", code="JOB_NOT_FOUND") from None


def decide_effect(tx: JobTransaction, wait: Wait, answer: Answer) -> str:
    """Apply what the actor of `tx` says. Raises `Refused`: `RESOLUTION_INVALID`, `SIGNAL_CONFLICT`,
    `JOB_NOT_PARKED` and what `jobs.engine.possible.check` raises."""
    resolution = _resolution_in(answer)
    if wait.state != WaitState.OPEN:
        return _settled(tx, wait, resolution)
    node = Node.objects.get(job_id=tx.job.pk, path=wait.node)
    entry = effect_in_question(wait)
    check(resolution, Case(tx.job, entry, wait.proposed_by, tx.actor, wait.is_about_the_world), tx.now)
    return _APPLY[resolution](tx, wait, node, entry, answer)


def effect_in_question(wait: Wait) -> Entry:
    """The effect that an open question is about; of one about the world, the check that saw it changed."""
    if wait.is_about_the_world:
        return Entry.objects.get(job_id=wait.job_id, step_id=look_in(wait.correlation_key), state=EntryState.COMMITTED)
    return Entry.objects.unknown_of(wait.job_id, wait.node)


def close_question(
    tx: JobTransaction, wait: Wait, entry: Entry, resolution: Resolution, *, decided_by: str, reason: str = ""
) -> None:
    """End the question and record who answered it, and how."""
    waits.resolve(tx.rows, wait, dumps({"resolution": resolution.value}), decided_by, tx.now)
    tx.event(
        EventType.EFFECT_RESOLVED,
        {
            "node_id": wait.node,
            "invocation_id": entry.idempotency_key,
            "correlation_key": wait.correlation_key,
            "resolution": resolution.value,
            "decided_by": decided_by,
            "proposed_by": wait.proposed_by,
            "reason": reason,
        },
        Node.objects.at(tx.job.pk, wait.node),
    )


def _resolution_in(answer: Answer) -> Resolution:
    reason = answer.get("reason", "")
    if not isinstance(reason, str) or reason != storable(reason):
        raise Refused('A "reason" is text without NUL characters.', code="RESOLUTION_INVALID")
    try:
        return Resolution(str(answer.get("resolution")))
    except ValueError:
        listed = ", ".join(Resolution)
        raise Refused(f'The answer must say "resolution": one of {listed}.', code="RESOLUTION_INVALID") from None


def _settled(tx: JobTransaction, wait: Wait, resolution: Resolution) -> str:
    if wait.state == WaitState.CANCELLED:
        raise Refused("The job does not wait any more.", code="JOB_NOT_PARKED", details={"status": tx.job.state})
    if wait.answer == dumps({"resolution": resolution.value}):
        return ALREADY
    raise Refused(
        "Another answer was given before and stands.", code="SIGNAL_CONFLICT", details={"standing": wait.answer_value}
    )


def _happened(tx: JobTransaction, wait: Wait, node: Node, entry: Entry, answer: Answer) -> str:
    if "result" not in answer:
        raise Refused('"happened" needs the "result" that the tool would have returned.', code="RESOLUTION_INVALID")
    try:
        result = dumps(registry.tools.get(entry.tool).signature.result(answer["result"]))
    except Exception as error:
        details = dict(error.details) if isinstance(error, AetherisError) else {}
        raise Refused(described(error), code="RESOLUTION_INVALID", details=details) from error
    _close(tx, wait, entry, Resolution.HAPPENED, answer)
    end_by_fact(tx, node, facts.record(tx, node, entry, Done(result)), entry)
    return APPLIED


def _did_not_happen(tx: JobTransaction, wait: Wait, node: Node, entry: Entry, answer: Answer) -> str:
    _close(tx, wait, entry, Resolution.DID_NOT_HAPPEN, answer)
    outcome = Fail("DID_NOT_HAPPEN", f"{tx.actor} said that {entry.tool} did not happen.")
    facts.fail(tx, node, entry, facts.error_in(outcome))
    end_by_fact(tx, node, outcome, entry)
    return APPLIED


def _send_again(tx: JobTransaction, wait: Wait, node: Node, entry: Entry, answer: Answer) -> str:
    """The one dangerous answer: past the fence, by two persons, as a new attempt."""
    if not wait.proposed_by:
        waits.propose(tx.rows, wait, tx.actor)
        tx.event(
            EventType.RESOLUTION_PROPOSED,
            {"node_id": wait.node, "correlation_key": wait.correlation_key, "proposed_by": tx.actor,
             "resolution": Resolution.SEND_AGAIN.value, "reason": answer.get("reason", "")},
            node,
        )  # fmt: skip
        return PROPOSED
    _close(tx, wait, entry, Resolution.SEND_AGAIN, answer)
    error = {
        "code": "DID_NOT_HAPPEN",
        "message": "Two persons said so, and that it is to be sent again.",
        "again": True,
    }
    facts.fail(tx, node, entry, error)
    make_ready(tx, node)
    return APPLIED


def _ask(tx: JobTransaction, wait: Wait, node: Node, entry: Entry, answer: Answer) -> str:
    _close(tx, wait, entry, Resolution.ASK, answer)
    make_ready(tx, node, tries=0)
    return APPLIED


def _go_on(tx: JobTransaction, wait: Wait, node: Node, entry: Entry, answer: Answer) -> str:
    """Every node that has come so far waits for the same answer."""
    stopped_at = tx.job.recheck_before
    for asked in Wait.objects.about_the_world(tx.job.pk):
        _close(tx, asked, entry, Resolution.GO_ON, answer)
        make_ready(tx, Node.objects.get(job_id=tx.job.pk, path=asked.node))
    # The person has just looked: leaving this question is no stop that asks for another look.
    tx.change(recheck_before=stopped_at)
    return APPLIED


def _stop(tx: JobTransaction, wait: Wait, node: Node, entry: Entry, answer: Answer) -> str:
    _close(tx, wait, entry, Resolution.STOP, answer)
    make_ready(tx, node)
    advance.fail(tx, node, "WORLD_CHANGED", wait.reason, critical=True)
    return APPLIED


_APPLY: dict[Resolution, Callable[[JobTransaction, Wait, Node, Entry, Answer], str]] = {
    Resolution.HAPPENED: _happened,
    Resolution.DID_NOT_HAPPEN: _did_not_happen,
    Resolution.SEND_AGAIN: _send_again,
    Resolution.ASK: _ask,
    Resolution.GO_ON: _go_on,
    Resolution.STOP: _stop,
}


def _close(tx: JobTransaction, wait: Wait, entry: Entry, resolution: Resolution, answer: Answer) -> None:
    close_question(tx, wait, entry, resolution, decided_by=tx.actor, reason=answer.get("reason", ""))
