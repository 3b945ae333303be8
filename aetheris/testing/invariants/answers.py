"""Answers: what people and others said, and that it counted once or was refused (I11, I13)."""

from collections import Counter
from collections.abc import Iterator

from aetheris.core.principal import same
from aetheris.testing.invariants.effects import STARTED
from aetheris.testing.invariants.story import Story
from jobs.body_querysets import stored_form
from jobs.states import NodeState
from ledger.event_types import EventType
from ledger.models import Entry
from ledger.states import EntryKind
from signals_app.models import Approval, Wait
from signals_app.states import ApprovalState, WaitKind, WaitState

ANSWERED = (EventType.WAIT_COMPLETED, EventType.EFFECT_RESOLVED)
BY_TIME = (WaitKind.TIMER, WaitKind.CONDITION)


def answers_count_once(story: Story) -> Iterator[str]:
    """A wait is resolved exactly when one event tells of its answer; a stored signal has answered its wait, or waits
    for it to open, or came to nothing with it."""
    answered = Counter(payload["correlation_key"] for _, payload in story.told(*ANSWERED))
    waits = {wait.correlation_key: wait for wait in story.waits}
    for wait in story.waits:
        if answered[wait.correlation_key] != (wait.state == WaitState.RESOLVED) and wait.kind not in BY_TIME:
            yield f"{wait.correlation_key} is {wait.state}, and {answered[wait.correlation_key]} events answer it"
    for signal in story.signals:
        found = waits.get(signal.correlation_key)
        applied = signal.applied_at is not None
        if found is None or (found.state == WaitState.RESOLVED) != applied or found.state == WaitState.OPEN:
            state = found.state if found else "missing"
            yield f"the signal {signal.correlation_key} is {'' if applied else 'not '}applied, and its wait is {state}"
        elif applied and found.answer != signal.payload:
            yield f"the signal {signal.correlation_key} is applied, and another answer stands"


def what_was_acknowledged_counts(story: Story) -> Iterator[str]:
    """An answer that a client was told of as taken stands, or is kept."""
    standing = {wait.correlation_key: wait.answer for wait in story.waits if wait.state == WaitState.RESOLVED}
    kept = {signal.correlation_key: signal.payload for signal in story.signals}
    asks = {wait.correlation_key for wait in story.waits if wait.kind == WaitKind.RESOLUTION}
    for call in story.calls:
        if call.verb != "signal" or call.verdict != "ok" or call.told == "proposed":
            continue
        stands = kept if call.told == "kept" else standing
        if call.key not in stands:
            yield f"{call.key} was acknowledged as {call.told}, and no answer stands"
        elif call.key not in asks and stands[call.key] != stored_form(call.body):
            yield f"{call.key} was acknowledged as {call.told}, and another answer stands"


def approved_when_sent(story: Story) -> Iterator[str]:
    """What somebody was to approve is sent only after everybody who was asked has approved exactly that, in time.
    Nobody is asked by a wait that is skipped."""
    skipped = {node.path for node in story.nodes if node.state == NodeState.SKIPPED}
    asked = [wait for wait in story.waits if wait.approves and wait.node not in skipped]
    if not asked:
        return
    approvals = {approval.correlation_key: approval for approval in story.approvals}
    sent_at = {payload["invocation_id"]: event.seq for event, payload in reversed(list(story.told(*STARTED)))}
    decided_at = {payload["correlation_key"]: event.seq for event, payload in story.told(EventType.WAIT_COMPLETED)}
    for entry in story.entries:
        if entry.kind != EntryKind.TOOL or entry.step_id != entry.node:
            continue
        for wait in (each for each in asked if each.approves == entry.node):
            problem = _problem(entry, wait, approvals.get(wait.correlation_key))
            if not problem and decided_at.get(wait.correlation_key, story.job.seq + 1) > sent_at[entry.idempotency_key]:
                problem = "was decided after it"
            if problem:
                yield f"{entry.idempotency_key} was opened, and its approval {wait.correlation_key} {problem}"


def _problem(entry: Entry, wait: Wait, approval: Approval | None) -> str:
    """Why an approval does not cover an effect; empty when it does."""
    if approval is None or approval.state != ApprovalState.APPROVED or approval.decided_at is None:
        return f"is {approval.state if approval else 'missing'}"
    if same(approval.decided_by, approval.requested_by):
        return "was given by whoever asked for the job"
    if approval.decided_at > entry.first_sent_at:
        return "was given after it"
    if approval.expires_at is not None and approval.decided_at > approval.expires_at:
        return "was given too late"
    about = (approval.tool, approval.tool_version, bytes(approval.arguments_digest or b""))
    if about != (entry.tool, entry.tool_version, bytes(entry.arguments_digest)):
        return "is about another call"
    return ""
