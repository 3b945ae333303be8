"""The states of a ledger entry and every legal move, as data. `ledger.entries` is the only mover."""

from django.db.models import TextChoices


class EntryState(TextChoices):
    STARTED = "started"
    COMMITTED = "committed"
    FAILED = "failed"
    UNKNOWN = "unknown"


ENTRY_SETTLED = (EntryState.COMMITTED, EntryState.FAILED)

ENTRY_MOVES: dict[EntryState, tuple[EntryState, ...]] = {
    EntryState.STARTED: (EntryState.COMMITTED, EntryState.FAILED, EntryState.UNKNOWN),
    EntryState.UNKNOWN: (EntryState.COMMITTED, EntryState.FAILED),
    EntryState.COMMITTED: (),
    EntryState.FAILED: (),
}


class EntryKind(TextChoices):
    TOOL = "tool"
    LLM = "llm"
    HTTP = "http"
    CLOCK = "clock"
    RANDOM = "random"
    UUID = "uuid"
    HUMAN = "human"
