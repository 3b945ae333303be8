"""Effects: what the ledger says of them, what the events tell, and what the sink has seen (I1, I2, I3, I10)."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from aetheris.core.handlers import Effect
from aetheris.testing.invariants.story import Story
from jobs.states import NodeState, NodeType
from ledger.entries import idempotency_key
from ledger.event_types import EventType
from ledger.states import ENTRY_SETTLED, EntryKind, EntryState

STARTED = (EventType.TOOL_INVOCATION_STARTED, EventType.LLM_INVOCATION_STARTED)
FINISHED = (EventType.TOOL_INVOCATION_FINISHED, EventType.LLM_INVOCATION_FINISHED)
VALUES = (EntryKind.CLOCK, EntryKind.RANDOM, EntryKind.UUID)
TOLD_AS = {EntryState.COMMITTED: "success", EntryState.FAILED: "failure", EntryState.UNKNOWN: "unknown"}


def applied_at_most_once(story: Story) -> Iterator[str]:
    """An effect, over all its attempts and keys, is applied at most once."""
    applied: Counter[str] = Counter()
    for entry in story.entries:
        applied[entry.step_id] += sum(request.applied for request in story.sent_under(entry.idempotency_key))
    yield from (f"{step} was applied {times} times" for step, times in applied.items() if times > 1)


def sent_at_most_once(story: Story) -> Iterator[str]:
    """An effect of class `once` is sent at most once under its key."""
    for entry in story.entries:
        times = len(story.sent_under(entry.idempotency_key))
        if entry.effect_class is Effect.ONCE and times > 1:
            yield f"{entry.idempotency_key} is of class once and was sent {times} times"


def recorded_as_it_happened(story: Story) -> Iterator[str]:
    """A committed entry was applied; a failed one was not; in a final job none is undecided."""
    for entry in story.entries:
        applied = sum(request.applied for request in story.sent_under(entry.idempotency_key))
        if entry.state == EntryState.COMMITTED and _is_seen(story, entry.tool) and entry.effect_class.leaves_doubt:
            if not applied:
                yield f"{entry.idempotency_key} is committed and was not applied"
        elif entry.state == EntryState.FAILED and applied:
            yield f"{entry.idempotency_key} has failed, which is to be certain, and was applied"
        elif entry.state not in ENTRY_SETTLED and story.job.is_final and entry.effect_class.leaves_doubt:
            yield f"{entry.idempotency_key} is {entry.state} and its job is {story.job.state}"


def one_key_for_an_effect(story: Story) -> Iterator[str]:
    """The key of an entry is that of its job, step and attempt; what is sent under one key is one request."""
    for entry in story.entries:
        key = idempotency_key(entry.job_id, entry.step_id, entry.attempt)
        if entry.idempotency_key != key:
            yield f"the key of {entry.step_id}, attempt {entry.attempt}, is {entry.idempotency_key}, not {key}"
        if len({request.digest for request in story.sent_under(entry.idempotency_key)}) > 1:
            yield f"different requests were sent under {entry.idempotency_key}"


def ledger_is_events(story: Story) -> Iterator[str]:
    """Each entry was opened, sent and settled as the events tell, and the events tell of no other."""
    sends, hashes, ends = defaultdict(set), defaultdict(set), defaultdict(list)
    for _, payload in story.told(*STARTED):
        sends[payload["invocation_id"]].add(payload["sends"])
        hashes[payload["invocation_id"]].add(payload["arguments_hash"])
    for event, payload in story.told(*FINISHED, EventType.VALUE_RECORDED):
        recorded = event.type == EventType.VALUE_RECORDED
        ends[payload["invocation_id"]].append("success" if recorded else payload["outcome"])
    for entry in story.entries:
        key, told = entry.idempotency_key, ends[entry.idempotency_key]
        if entry.kind not in VALUES and sends[key] != set(range(1, entry.sends + 1)):
            yield f"{key} has {entry.sends} sends, and events tell of {sorted(sends[key])}"
        if entry.kind not in VALUES and hashes[key] != {bytes(entry.arguments_digest).hex()}:
            yield f"{key} was opened with other arguments than its events tell"
        if told.count("success") + told.count("failure") > 1:
            yield f"{key} was settled more than once: {told}"
        if (told[-1] if told else None) != TOLD_AS.get(EntryState(entry.state)):
            yield f"{key} is {entry.state}, and events tell {told}"
    for key in {*sends, *ends} - {entry.idempotency_key for entry in story.entries}:
        yield f"events tell of {key}, which the ledger does not have"


def ledger_is_nodes(story: Story) -> Iterator[str]:
    """A tool or model node that ended by its effect has it committed."""
    committed = {entry.idempotency_key for entry in story.entries if entry.state == EntryState.COMMITTED}
    by_effect = set()
    for _, payload in story.told(EventType.NODE_FINISHED):
        if "invocation_id" in payload:
            by_effect.add(payload["node_id"])
            if payload["invocation_id"] not in committed:
                yield f"{payload['node_id']} ended by {payload['invocation_id']}, which is not committed"
    timed_out = {wait.node for wait in story.waits}
    for node in story.nodes:
        calls = node.type in (NodeType.TOOL, NodeType.LLM) and node.path not in timed_out
        if calls and node.state == NodeState.COMPLETED and node.path not in by_effect:
            yield f"{node.path} is completed, and no effect of it is committed"


def sent_as_recorded(story: Story) -> Iterator[str]:
    """The sink got nothing that no entry was opened for, and no more requests than were recorded before."""
    known = {entry.idempotency_key: entry for entry in story.entries}
    for key, times in Counter(request.key for request in story.sent).items():
        entry = known.get(key)
        if entry is None:
            yield f"the sink got {key}, which no entry was opened for"
        elif times > entry.sends and entry.effect_class is not Effect.ONCE:
            yield f"the sink got {key} {times} times, and {entry.sends} sends are recorded"


def results_are_as_told(story: Story) -> Iterator[str]:
    """Entries and their results are what the events tell."""
    yield from story.differences(of_effects=True)


def _is_seen(story: Story, tool: str) -> bool:
    return tool in story.evidence.tools
