"""Message: a word to a running job. Kept, whether a wait is open for it or not, and taken by one wait at most."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aetheris.core.canonical import dumps
from aetheris.core.errors import Refused
from jobs.body_querysets import stored_form
from jobs.engine import advance
from jobs.engine.answer import record_answer
from jobs.engine.sender import ALREADY, APPLIED, KEPT, Sender
from jobs.engine.transaction import JobTransaction, job_transaction
from jobs.models import Job, Node
from signals_app import mailbox
from signals_app.models import Message, Wait


@dataclass(frozen=True)
class Letter:
    """What is sent: `message_id` is the sender's own and makes a repetition harmless."""

    message_id: str
    payload: dict[str, Any]
    channel: str = ""
    correlation_key: str = ""


def message(job_id: UUID, letter: Letter, sender: Sender) -> str:
    """Put a message into a job's mailbox: `applied` (a wait took it), `kept`, or `already` (the same one came before).

    Raises `Refused`, with nothing changed: `JOB_NOT_FOUND`, `MAY_NOT_SIGNAL`, `JOB_NOT_PARKED` when the job has
    ended or is ending, `MESSAGE_CONFLICT` when the id came with another payload.
    """
    if not sender.may_signal:
        raise Refused("A message to a job needs the permission job:create.", code="MAY_NOT_SIGNAL")
    payload = dumps(letter.payload)
    try:
        with job_transaction(job_id, sender.principal, verb="message") as tx:
            return _known(tx, letter, payload) or _receive(tx, letter, payload)
    except Job.DoesNotExist:
        raise Refused(f"There is no job {job_id}.", code="JOB_NOT_FOUND") from None


def _known(tx: JobTransaction, letter: Letter, payload: str) -> str | None:
    known = Message.objects.filter(job_id=tx.job.pk, message_id=letter.message_id).first()
    if known is None and tx.job.starts_nothing_more:
        raise Refused("The job takes no messages any more.", code="JOB_NOT_PARKED", details={"status": tx.job.state})
    if known is None:
        return None
    if known.payload != stored_form(payload):
        raise Refused("This message_id came with another payload before.", code="MESSAGE_CONFLICT")
    return ALREADY


def _receive(tx: JobTransaction, letter: Letter, payload: str) -> str:
    stored = mailbox.store(
        tx.job,
        letter.message_id,
        channel=letter.channel,
        correlation_key=letter.correlation_key,
        payload=payload,
        sender=tx.actor,
        now=tx.now,
    )
    for wait in Wait.objects.for_messages(tx.job.pk):
        if mailbox.takes(wait, stored):
            mailbox.take(stored, wait, tx.now)
            node = Node.objects.get(job_id=tx.job.pk, path=wait.node)
            record_answer(tx, wait, node, payload, tx.actor)
            advance.lead_on(tx, node)
            return APPLIED
    return KEPT
