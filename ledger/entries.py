"""The at-most-once book: the only code that opens an entry or changes its state.

Every function runs inside a transaction that holds the job's lock, and reports whether it landed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from aetheris.core.canonical import digest
from aetheris.core.handlers import Effect
from aetheris.core.ids import new_id
from aetheris.core.recourse import Recourse, after_doubt
from jobs.models import Job
from ledger.models import Entry
from ledger.states import ENTRY_MOVES, EntryKind, EntryState


@dataclass(frozen=True)
class Intent:
    """One effect that a node is about to have: what, with which arguments, under which promise. Seconds.

    `can_ask`: its tool can ask the provider what became of it.
    """

    step_id: str
    kind: EntryKind
    effect: Effect
    tool: str
    tool_version: str
    arguments_digest: bytes
    timeout: float
    window: float
    settle: float
    can_ask: bool = False


LONGEST_KEY = 255


def idempotency_key(job_id: UUID, step_id: str, attempt: int) -> str:
    """`aetheris:<job>:<step>:<attempt>`: what the provider sees, the same over every crash. The step of a key that
    would be longer than 255 characters is given by its SHA-256."""
    key = f"aetheris:{job_id}:{step_id}:{attempt}"
    return key if len(key) <= LONGEST_KEY else f"aetheris:{job_id}:sha256-{digest(step_id).hex()}:{attempt}"


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
        key_until=now + timedelta(seconds=intent.window),
        opened_at=now,
    )


def record_value(job: Job, node: str, step_id: str, kind: EntryKind, value: str, now: datetime) -> Entry:
    """Record what a step has read from the runtime itself. It happened, and nothing was sent."""
    return Entry.objects.create(
        job=job,
        tenant=job.tenant,
        node=node,
        step_id=step_id,
        kind=kind,
        effect=Effect.READ.value,
        tool=kind.value,
        tool_version="1",
        arguments_digest=digest("null"),
        idempotency_key=idempotency_key(job.id, step_id, 1),
        state=EntryState.COMMITTED,
        lease_token=new_id(),
        first_sent_at=now,
        send_by=now,
        settled_by=now,
        result=value,
        opened_at=now,
        settled_at=now,
    )


def is_for(entry: Entry, intent: Intent) -> bool:
    """Whether an entry records this very effect: same tool, version and arguments."""
    same_tool = (entry.tool, entry.tool_version) == (intent.tool, intent.tool_version)
    return same_tool and bytes(entry.arguments_digest) == intent.arguments_digest


def recourse(entry: Entry, intent: Intent, now: datetime) -> Recourse:
    """What may be done about an entry in doubt: by what its tool declared when it was sent, and by what it declares
    now, whichever is the stricter; from now on the entry is held to that."""
    declared = {entry.effect_class, intent.effect}
    _hold_to_the_stricter(entry, intent)
    # What is sent now may take effect as late as this; a provider that has forgotten the key would apply it again.
    arrives_by = now + timedelta(seconds=intent.timeout + intent.settle)
    return after_doubt(
        declared,
        shown=entry.state != EntryState.STARTED,
        key_lasts=entry.key_until is not None and arrives_by < entry.key_until,
        can_ask=intent.can_ask,
    )


def question_key(entry: Entry) -> str:
    """What the correlation keys of all questions about this entry begin with; the first one's is just this."""
    return f"resolution:{entry.step_id}:{entry.attempt}"


def may_have_been_sent_before(entry: Entry) -> bool:
    """Whether an earlier send than the last one may have taken effect. One inside our own transaction has not."""
    return entry.sends > 1 and entry.effect_class is not Effect.TRANSACTIONAL


def is_settled_by(entry: Entry, now: datetime) -> bool:
    """Whether nothing that was sent can take effect any more."""
    return now > entry.settled_by


def after_settling(entry: Entry) -> datetime:
    """The first moment at which "it did not happen" can be believed."""
    return entry.settled_by + timedelta(seconds=1)


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


def _hold_to_the_stricter(entry: Entry, intent: Intent) -> None:
    key_until = entry.first_sent_at + timedelta(seconds=intent.window)
    limits = {
        "effect": max(entry.effect_class, intent.effect, key=list(Effect).index).value,
        "key_until": min(entry.key_until or key_until, key_until),
        "settled_by": max(entry.settled_by, entry.send_by + timedelta(seconds=intent.settle)),
    }
    if any(getattr(entry, name) != limit for name, limit in limits.items()):
        _set(entry, **limits)


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
