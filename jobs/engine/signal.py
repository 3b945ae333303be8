"""Signal: an answer to a wait, from whatever door. Stored and matched in one transaction; the first one stands."""

from functools import partial
from typing import Any
from uuid import UUID

from aetheris.core.answers import misfit
from aetheris.core.canonical import dumps, loads
from aetheris.core.errors import Refused
from aetheris.core.ids import new_id
from jobs.body_querysets import stored_form
from jobs.engine import advance
from jobs.engine.activation import Activation
from jobs.engine.answer import record_answer
from jobs.engine.known import KnownRows
from jobs.engine.resolve import decide_effect
from jobs.engine.sender import ALREADY, APPLIED, KEPT, Sender, check_decider
from jobs.engine.time_out import time_out
from jobs.engine.transaction import JobTransaction
from jobs.models import Body, Job
from signals_app import inbox, waits
from signals_app.models import Approval, Wait
from signals_app.states import DECIDED_BY_PEOPLE, WaitKind, WaitState

DECISION = ("approved", "reason")
FIELDS: dict[WaitKind, tuple[str, ...]] = {
    WaitKind.RESOLUTION: ("resolution", "result", "reason"),
    **dict.fromkeys(DECIDED_BY_PEOPLE, DECISION),
}
"""What an answer may say to a wait of this kind; to others anything."""


def signal(job_id: UUID, correlation_key: str, payload: dict[str, Any], sender: Sender) -> str:
    """Answer a wait: `applied`, `already` (the same answer stands) or `kept` (its wait has not opened yet).

    Raises `Refused`, with nothing changed but a timeout that was due: `JOB_NOT_FOUND`, `INVALID_SIGNAL_KEY`,
    `JOB_NOT_PARKED`, `SIGNAL_CONFLICT`, `WAIT_EXPIRED`, `WAIT_NOT_OPEN`, `SIGNAL_PAYLOAD_INVALID`, and what
    `decide` and, for an effect in doubt, `jobs.engine.resolve.decide_effect` raise.
    """
    answer = dumps(payload)
    load = partial(KnownRows.load_answered, correlation_key=correlation_key)
    door = Activation(job_id, new_id(), sender.principal, load)
    try:
        verdict = door.transact("signal", lambda tx: _receive(tx, correlation_key, answer, sender))
    except Job.DoesNotExist:
        raise Refused(f"There is no job {job_id}.", code="JOB_NOT_FOUND") from None
    if isinstance(verdict, Refused):
        raise verdict
    return verdict


def decide(approval: Approval, *, approved: bool, reason: str, sender: Sender) -> str:
    """Approve or refuse what a person is asked; answers and raises as `signal`."""
    payload: dict[str, Any] = {"approved": approved}
    if reason:
        payload["reason"] = reason
    return signal(approval.job_id, approval.correlation_key, payload, sender)


def _receive(tx: JobTransaction, correlation_key: str, answer: str, sender: Sender) -> str | Refused:
    wait = _declared(tx, correlation_key)
    payload = loads(answer)
    _check_sender(tx.job, wait, sender)
    _check_fields(wait, payload)
    if wait.kind == WaitKind.RESOLUTION:
        return decide_effect(tx, wait, payload)
    _check_payload(wait, payload)
    return _settled(tx, wait, answer) or _apply(tx, wait, answer)


def _declared(tx: JobTransaction, correlation_key: str) -> Wait:
    wait = tx.rows.wait(correlation_key)
    if wait is None or wait.kind in (WaitKind.TIMER, WaitKind.CONDITION):
        raise Refused(
            "No wait of this job has that correlation key. Read it from the job's job_waiting event.",
            code="INVALID_SIGNAL_KEY",
        )
    return wait


def _check_sender(job: Job, wait: Wait, sender: Sender) -> None:
    """People's waits are answered by somebody who may decide and did not ask."""
    if wait.kind not in (*DECIDED_BY_PEOPLE, WaitKind.RESOLUTION):
        if not sender.may_signal:
            raise Refused("Answering this wait needs the permission job:create.", code="MAY_NOT_SIGNAL")
        return
    check_decider(job, sender)


def _check_fields(wait: Wait, payload: dict[str, Any]) -> None:
    """What people say has no field that nobody reads; a schema of the wait's own says which there may be."""
    known = FIELDS.get(WaitKind(wait.kind))
    if known is None or wait.answer_schema is not None:
        return
    if unknown := sorted(set(payload) - set(known)):
        raise Refused(
            f"The payload has fields that this wait does not take; it takes {', '.join(known)}.",
            code="SIGNAL_PAYLOAD_INVALID",
            details={name: ["There is no such field."] for name in unknown},
        )


def _check_payload(wait: Wait, payload: dict[str, Any]) -> None:
    if wait.kind in DECIDED_BY_PEOPLE and not isinstance(payload.get("approved"), bool):
        raise Refused('The payload must say "approved": true or false.', code="SIGNAL_PAYLOAD_INVALID")
    if wait.kind in DECIDED_BY_PEOPLE and not _is_plain_text(payload.get("reason", "")):
        raise Refused('A "reason" is text without NUL characters.', code="SIGNAL_PAYLOAD_INVALID")
    if wait.answer_schema is not None and (reason := misfit(payload, loads(wait.answer_schema))):
        raise Refused(f"The payload does not fit: {reason}", code="SIGNAL_PAYLOAD_INVALID")


def _is_plain_text(value: Any) -> bool:
    """Whether a value can stand in a text column."""
    return isinstance(value, str) and "\x00" not in value


def _settled(tx: JobTransaction, wait: Wait, answer: str) -> str | Refused | None:
    """The verdict for a wait that takes no answer any more; None for one that does."""
    if wait.state == WaitState.RESOLVED:
        return ALREADY if wait.answer == stored_form(answer) else _conflict(tx, wait.answer)
    if wait.state == WaitState.TIMED_OUT:
        return Refused("The time for this answer is over.", code="WAIT_EXPIRED")
    if wait.state == WaitState.CANCELLED or tx.job.starts_nothing_more:
        return Refused("The job does not wait any more.", code="JOB_NOT_PARKED", details={"status": tx.job.state})
    return None


def _apply(tx: JobTransaction, wait: Wait, answer: str) -> str | Refused:
    if wait.state == WaitState.DECLARED:
        return _keep(tx, wait, answer)
    if waits.is_over(wait, tx.now):
        time_out(tx, wait)
        return Refused("The time for this answer is over.", code="WAIT_EXPIRED")
    node = tx.rows.node(wait.node)
    assert node is not None  # noqa: S101  nodes are never deleted
    inbox.store(tx.rows, tx.job, wait.correlation_key, answer, tx.actor, tx.now, applied_at=tx.now)
    record_answer(tx, wait, node, answer, tx.actor)
    advance.lead_on(tx, node)
    return APPLIED


def _keep(tx: JobTransaction, wait: Wait, answer: str) -> str | Refused:
    """An answer before the question: kept, unless the question is about arguments that nobody knows yet."""
    if wait.approves:
        return Refused("What is to be approved is not known yet. Decide when the job is parked.", code="WAIT_NOT_OPEN")
    kept = tx.rows.signal(wait.correlation_key)
    if kept is None:
        inbox.store(tx.rows, tx.job, wait.correlation_key, answer, tx.actor, tx.now)
    elif kept.payload != stored_form(answer):
        return _conflict(tx, kept.payload)
    return KEPT


def _conflict(tx: JobTransaction, standing: str | None) -> Refused:
    return Refused(
        "Another answer was given before and stands.",
        code="SIGNAL_CONFLICT",
        details={"standing": loads(Body.objects.text(tx.job.pk, standing or "null"))},
    )
