"""The inbox: a signal that comes before its wait opens is kept, and the first one stands."""

from datetime import datetime
from typing import Protocol

from aetheris.core.ids import new_id
from jobs.models import Job
from signals_app.models import Signal


class Inbox(Protocol):
    """Where the signals of one job stand."""

    def keep(self, text: str) -> str:
        """The form in which a canonical text is stored in a row of this job."""
        ...

    def insert_signal(self, signal: Signal) -> None:
        """Store a new signal, the first under its key."""
        ...


def store(
    inbox: Inbox,
    job: Job,
    correlation_key: str,
    payload: str,
    sender: str,
    now: datetime,
    *,
    applied_at: datetime | None = None,
) -> None:
    """Keep a signal; `payload` is canonical text. The caller knows that there is none under this key."""
    inbox.insert_signal(
        Signal(
            job=job,
            id=new_id(),
            tenant=job.tenant,
            correlation_key=correlation_key,
            payload=inbox.keep(payload),
            sender=sender,
            received_at=now,
            applied_at=applied_at,
        )
    )
