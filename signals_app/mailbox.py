"""The mailbox: messages to a job are kept without a wait, once for each `message_id`, and taken in order."""

from datetime import datetime

from jobs.models import Body, Job
from signals_app.models import Message, Wait
from signals_app.states import WaitKind


def store(
    job: Job, message_id: str, *, channel: str, correlation_key: str, payload: str, sender: str, now: datetime
) -> Message:
    """Keep a message; `payload` is canonical text. The caller holds the job's lock and knows that it is new."""
    return Message.objects.create(
        job=job,
        message_id=message_id,
        tenant=job.tenant,
        channel=channel,
        correlation_key=correlation_key,
        payload=Body.objects.keep(job, payload),
        sender=sender,
        received_at=now,
    )


def first_for(wait: Wait) -> Message | None:
    """The oldest message that this wait may take: of its channel, or sent to its correlation key."""
    if wait.kind != WaitKind.MESSAGE:
        return None
    return Message.objects.first_for(wait.job_id, wait.channel, wait.correlation_key)


def takes(wait: Wait, message: Message) -> bool:
    """Whether a wait may take a message."""
    of_channel = wait.channel != "" and wait.channel == message.channel
    return of_channel or message.correlation_key == wait.correlation_key


def take(message: Message, wait: Wait, now: datetime) -> bool:
    """Give a message to a wait; whether nobody had it yet."""
    return Message.objects.take(message, wait.correlation_key, now)
