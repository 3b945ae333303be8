"""Effects of a step: each is opened before it may happen and settled by its first fact, while the step holds its node.

Values that call nothing (clock, random, ids) ride with the next of these transactions.
"""

from dataclasses import dataclass

from aetheris.conf import configuration
from aetheris.core import registry
from aetheris.core.canonical import Canonical
from aetheris.core.outcomes import Doubt, Fail, Outcome
from aetheris.core.recourse import Recourse
from jobs.engine import facts
from jobs.engine.activation import Activation
from jobs.engine.kinds import tool
from jobs.engine.kinds.base import Claimed, Prepared
from jobs.engine.late import settle_late
from jobs.engine.transaction import JobTransaction
from jobs.models import Node
from jobs.states import NodeState
from ledger import entries
from ledger.entries import Intent
from ledger.event_types import EventType
from ledger.models import Entry, Event
from ledger.states import EntryKind, EntryState


@dataclass(frozen=True)
class EffectDoubt(Doubt):
    """A step's run ended because this effect of it is in doubt."""

    step_id: str
    attempt: int
    intent: Intent


@dataclass(frozen=True)
class Lost(Doubt):
    """A step's run ended because its node is somebody else's now."""


@dataclass(frozen=True)
class RunEnds(Fail):
    """A failure that is none of the effect's: the step's code cannot go on after it."""


@dataclass(frozen=True)
class Value:
    """Something read from the runtime itself, once: a canonical text for a place in a step."""

    step_id: str
    kind: EntryKind
    text: str


@dataclass(frozen=True)
class Opened:
    """An effect that may happen now, until `send_until`; or what is recorded of it, and then it must not."""

    idempotency_key: str = ""
    attempt: int = 0
    send_until: float = 0.0
    recorded: Outcome | None = None


LOST = Lost("LEASE_LOST", "The worker lost its lease while it ran the step.")
NONDETERMINISTIC = RunEnds(
    "NONDETERMINISTIC_NODE",
    "This place of the step was another tool's, another version's or another call's before; nothing was sent.",
)
STOPPED = RunEnds("NODE_STOPPED", "The job starts nothing more.", critical=True)


def open_effect(hand: Activation, claimed: Claimed, intent: Intent, arguments: str, values: list[Value]) -> Opened:
    """Record that an effect is about to be sent. One transaction; sent twice, because its answer was lost, it finds
    what it did before."""

    def act(tx: JobTransaction) -> Opened:
        node = _held(tx, claimed)
        if node is None:
            return Opened(recorded=LOST)
        if tx.job.starts_nothing_more:
            return Opened(recorded=STOPPED)
        store_values(tx, node, values)
        lease = configuration().lease_seconds
        entry = tx.rows.last_attempt(intent.step_id)
        if entry is not None and (known := _known(tx, entry, intent, claimed)) is not None:
            return Opened(recorded=known)
        landed = entry is not None and _is_ours(entry, claimed)
        if entry is None or entry.state == EntryState.FAILED:
            entry = entries.open_entry(tx.rows, tx.job, node.path, intent, token=claimed.token, now=tx.now, lease=lease)
        elif not landed:
            entries.send_again(tx.rows, entry, intent, token=claimed.token, now=tx.now, lease=lease)
        if not landed:
            facts.tell_started(tx, node, entry, arguments)
        # One that has landed before is not given more time to send than its row says.
        return Opened(entry.idempotency_key, entry.attempt, tx.began + (entry.send_by - tx.now).total_seconds())

    return hand.transact("open_effect", act)


def settle_effect(hand: Activation, claimed: Claimed, intent: Intent, attempt: int, outcome: Outcome) -> Outcome:
    """Record what became of an effect; what the ledger holds then, or `LOST`."""

    def act(tx: JobTransaction) -> Outcome:
        node, entry = tx.rows.node(claimed.path), tx.rows.of_attempt(intent.step_id, attempt)
        assert node is not None  # noqa: S101  nodes are never deleted
        assert entry is not None  # noqa: S101  nor are entries
        was_settled = entry.settled_at is not None
        known = facts.record(tx, node, entry, outcome)
        if _held(tx, claimed) is not None:
            return known
        if not was_settled:
            settle_late(tx, node, entry, known)
        return LOST

    return hand.transact("settle_effect", act)


def store_values(tx: JobTransaction, node: Node, values: list[Value]) -> None:
    """Record values that no row has yet, each with its event."""
    new = [value for value in values if tx.rows.last_attempt(value.step_id) is None]
    for value in new:
        entry = entries.record_value(tx.rows, tx.job, node.path, value.step_id, value.kind, tx.keep(value.text), tx.now)
        tx.event(
            EventType.VALUE_RECORDED,
            {
                "node_id": node.path,
                "invocation_id": entry.idempotency_key,
                "kind": value.kind.value,
                "result": Canonical(value.text),
            },
            node,
        )


def in_doubt(tx: JobTransaction, node: Node) -> tuple[Entry, Prepared, Recourse] | None:
    """The first write of a step that must not simply be sent again, with what was sent and what may be done."""
    for entry in tx.rows.undecided_of(node):
        if entry.effect_class.writes:
            if entry.tool not in registry.tools:
                return entry, Prepared("{}", 0.0), Recourse.SHOW
            declared = registry.tools.get(entry.tool)
            arguments = Event.objects.arguments_of(entry)
            intent = tool.intent(declared, entry.step_id, arguments, declared.timeout)
            recourse = entries.recourse(tx.rows, entry, intent, tx.now)
            if recourse is not Recourse.SEND:
                return entry, Prepared(arguments, declared.timeout, intent), recourse
    return None


def _held(tx: JobTransaction, claimed: Claimed) -> Node | None:
    node = tx.rows.node(claimed.path)
    return node if node and node.state == NodeState.RUNNING and node.lease_token == claimed.token else None


def _is_ours(entry: Entry, claimed: Claimed) -> bool:
    """Whether this very run has opened the entry, or sent it again."""
    return entry.state == EntryState.STARTED and entry.lease_token == claimed.token


def _known(tx: JobTransaction, entry: Entry, intent: Intent, claimed: Claimed) -> Outcome | None:
    """What is recorded of an effect that must not be sent now; None for one that may."""
    if not entries.is_for(entry, intent):
        return NONDETERMINISTIC
    if entry.settled_at is not None:
        known = facts.recorded(tx, entry)
        return None if entry.state == EntryState.FAILED and getattr(known, "again", False) else known
    if _is_ours(entry, claimed) or entries.recourse(tx.rows, entry, intent, tx.now) is Recourse.SEND:
        return None
    return EffectDoubt("LEASE_LOST", "The worker was lost during the call.", entry.step_id, entry.attempt, intent)
