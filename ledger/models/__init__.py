"""Event, Entry."""

from ledger.models.entry import Entry
from ledger.models.event import Event

__all__ = ["Entry", "Event"]
