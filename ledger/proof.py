"""The hash chain of a job's events, computed again from the stored rows. Reads nothing but what it is given."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from ledger.models import Event

TAG = b"aetheris.event.v1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def broken_at(events: Iterable[Event], head: bytes) -> int | None:
    """The seq of the first event that is missing, altered or out of order; None when the chain is whole.

    `events` are all events of one job in order, `head` the hash that its job row holds. When events are missing
    at the end, the answer is the seq that should follow.
    """
    previous, expected = b"", 1
    for event in events:
        if event.seq != expected or bytes(event.hash) != event_hash(event, previous):
            return expected
        previous, expected = bytes(event.hash), expected + 1
    return None if previous == head else expected


def event_hash(event: Event, previous: bytes) -> bytes:
    """SHA-256 over the event's length-prefixed fields and the hash before it; the SQL function's twin."""
    fields = (
        TAG,
        event.tenant.encode(),
        event.job_id.bytes,
        event.seq.to_bytes(8, "big"),
        event.type.encode(),
        event.category.encode(),
        event.actor.encode(),
        event.node.encode(),
        event.span.encode(),
        ((event.at - _EPOCH) // timedelta(microseconds=1)).to_bytes(8, "big"),
        hashlib.sha256(bytes(event.nonce) + event.payload.encode()).digest(),
        previous,
    )
    return hashlib.sha256(b"".join(len(field).to_bytes(4, "big") + field for field in fields)).digest()
