"""The at-most-once book: the only code that opens an entry or changes its state.

Every function runs inside a transaction that holds the job's lock, and reports whether it landed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from aetheris.core.handlers import Effect
from jobs.models import Job
from ledger.models import Entry
from ledger.states import ENTRY_MOVES, EntryKind, EntryState


@dataclass(frozen=True)
class Intent:
    """One effect that a node is about to have: what, with which arguments, under which promise. Seconds."""

    step_id: str
    kind: EntryKind
    effect: Effect
    tool: str
    tool_version: str
    arguments_digest: bytes
    timeout: float
    window: float
    settle: float


def idempotency_key(job_id: UUID, step_id: str, attempt: int) -> str:
    """`aetheris:<job>:<step>:<attempt>`: what the provider sees, the same over every crash."""
    return f"aetheris:{job_id}:{step_id}:{attempt}"


def open_entry(job: Job, node: str, intent: Intent, *, token: UUID, now: datetime, lease: float) -> Entry:
    """Record that the effect is about to happen, before it may. The call begins when this commits."""
    attempt = Entry.objects.attempts(job.id, intent.step_id) + 1
    send_by, settled_by = _bounds(intent, now, lease)
    return Entry.objects.create(
        job=job,
        tenant=job.tenant,
        node=node,
        step_id=intent.step_id,
        attempt=attempt,
        kind=intent.kind,
        effect=intent.effect.value,
        tool=intent.tool,
        tool_version=intent.tool_version,
        arguments_digest=intent.arguments_digest,
        idempotency_key=idempotency_key(job.id, intent.step_id, attempt),
        state=EntryState.STARTED,
        lease_token=token,
        first_sent_at=now,
        send_by=send_by,
        settled_by=settled_by,
        opened_at=now,
    )


def is_for(entry: Entry, intent: Intent) -> bool:
    """Whether an entry records this very effect: same tool, version and arguments."""
    same_tool = (entry.tool, entry.tool_version) == (intent.tool, intent.tool_version)
    return same_tool and bytes(entry.arguments_digest) == intent.arguments_digest


def may_send_again(entry: Entry, intent: Intent, now: datetime) -> bool:
    """Whether an entry in doubt may be sent again with the same key: by what its tool declared when it was opened,
    and by what it declares now."""
    effects = {entry.effect_class, intent.effect}
    if effects & {Effect.ONCE, Effect.VERIFIABLE, Effect.TRANSACTIONAL}:
        return False
    if Effect.IDEMPOTENT in effects:
        return now + timedelta(seconds=intent.timeout) < entry.first_sent_at + timedelta(seconds=intent.window)
    return True


def send_again(entry: Entry, intent: Intent, *, token: UUID, now: datetime, lease: float) -> bool:
    """Record one more send under the same key."""
    send_by, settled_by = _bounds(intent, now, lease)
    return _set(
        entry,
        sends=entry.sends + 1,
        lease_token=token,
        send_by=send_by,
        settled_by=max(settled_by, entry.settled_by),
    )


def commit(entry: Entry, result: str, now: datetime, error: str | None = None) -> bool:
    """The effect happened, and this is its result; `error` says why the result cannot be used. The first fact wins."""
    return _move(entry, EntryState.COMMITTED, result=result, settled_at=now, error=error)


def fail(entry: Entry, error: str, now: datetime) -> bool:
    """It is certain that the effect did not happen."""
    return _move(entry, EntryState.FAILED, error=error, settled_at=now)


def doubt(entry: Entry, error: str) -> bool:
    """Whether the effect happened is not known, and trying again could repeat it."""
    return _move(entry, EntryState.UNKNOWN, error=error)


def _move(entry: Entry, to: EntryState, **columns: object) -> bool:
    return to in ENTRY_MOVES[EntryState(entry.state)] and _set(entry, state=to.value, **columns)


def _set(entry: Entry, **columns: object) -> bool:
    landed = Entry.objects.compare_and_set(entry, **columns)
    if landed:
        for name, value in columns.items():
            setattr(entry, name, value)
    return landed


def _bounds(intent: Intent, now: datetime, lease: float) -> tuple[datetime, datetime]:
    send_by = now + timedelta(seconds=min(lease, intent.timeout))
    return send_by, send_by + timedelta(seconds=intent.settle)
