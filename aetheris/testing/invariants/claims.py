"""Claims and moves: who held a node when, and which moves its events tell (I6, I7, I8, I9)."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator

from aetheris.testing.invariants.story import Story
from jobs.engine.replay import DECIDING as REPLAYED
from jobs.engine.replay import walked
from jobs.models import Node
from jobs.states import NODE_ENDINGS, NODE_MOVES, NodeState, NodeType
from ledger.event_types import Category, EventType
from ledger.proof import broken_at

TERMINAL = (EventType.JOB_COMPLETED, EventType.JOB_FAILED, EventType.JOB_CANCELLED)
DECIDING = (Category.HISTORY, Category.COORDINATION)
ENDS_A_CLAIM = (
    EventType.NODE_FINISHED,
    EventType.NODE_RECLAIMED,
    EventType.NODE_RETRYING,
    EventType.JOB_WAITING,
    EventType.PLAN_GENERATED,
)


def chain_is_whole(story: Story) -> Iterator[str]:
    """Events are numbered 1 to n, each linked to the one before, and their hashes are right."""
    broken = broken_at(story.events, bytes(story.job.head))
    if broken is not None:
        yield f"the chain is broken at {broken}"
    if story.job.seq != len(story.events):
        yield f"the job counts {story.job.seq} events and has {len(story.events)}"
    for event in story.events:
        if bytes(event.payload_digest) != hashlib.sha256(bytes(event.nonce) + event.payload.encode()).digest():
            yield f"the payload digest of {event.seq} is not that of its payload"


def claims_rise(story: Story) -> Iterator[str]:
    """Each claim of a node has the next number, and no event of an earlier claim comes after one of a later."""
    last: dict[str, int] = defaultdict(int)
    for event, payload in zip(story.events, story.payloads, strict=True):
        path, _, number = event.span.rpartition("#")
        if not path:
            continue
        claim = int(number)
        if event.type == EventType.NODE_STARTED:
            if claim != last[path] + 1 or payload["claims"] != claim:
                yield f"claim {claim} of {path} follows claim {last[path]}"
        elif claim != last[path]:
            yield f"event {event.seq} is of claim {claim} of {path}, and claim {last[path]} stands"
        last[path] = max(last[path], claim)
    for node in story.nodes:
        if node.claims != last[node.path]:
            yield f"{node.path} counts {node.claims} claims, and events tell of {last[node.path]}"


def one_holder(story: Story) -> Iterator[str]:
    """Nobody begins a node before whoever held it has ended, or was taken it from."""
    held: dict[str, int] = {}
    for event in story.events:
        if event.type == EventType.NODE_STARTED:
            if event.node in held:
                yield f"{event.node} was begun at {event.seq} while held since {held[event.node]}"
            held[event.node] = event.seq
        elif event.type in ENDS_A_CLAIM:
            held.pop(event.node, None)
    for node in story.nodes:
        if (node.state == NodeState.RUNNING) != (node.path in held):
            yield f"{node.path} is {node.state}, and events tell that it is{'' if node.path in held else ' not'} held"


def moves_are_legal(story: Story) -> Iterator[str]:
    """Nodes move only as `NODE_MOVES` says, from one transaction to the next, and nothing is decided after the job's
    one terminal event."""
    stood: dict[str, str] = {}
    touched: set[str] = set()
    ended = False
    last_of = {event.txid: event.seq for event in story.events if event.category in REPLAYED}
    for event, view in walked(story.events, story.payloads):
        if event.type == EventType.JOB_REQUEUED:
            ended = False
        if ended and event.category in DECIDING:
            yield f"{event.type} at {event.seq} comes after the job's end"
        ended = ended or event.type in TERMINAL
        touched.update([event.node] if event.node in stood else view.nodes)
        if last_of[event.txid] != event.seq:
            continue
        for path in touched:
            before, after = stood.get(path, NodeState.BLOCKED.value), view.nodes[path].state
            if before != after and not is_legal(before, after):
                yield f"{path} went from {before} to {after} at {event.seq}"
            stood[path] = after
        touched.clear()
    if ended != story.job.is_final:
        yield f"the job is {story.job.state}, and its events {'have' if ended else 'do not have'} an end"


def is_legal(before: str, after: str) -> bool:
    """Whether a node may go so in one transaction. Events do not tell apart a node that is blocked from one that is
    ready, and one that became ready may have been cancelled at once."""
    begins = [NodeState(before)]
    if NodeState.BLOCKED in NODE_MOVES[begins[0]]:
        begins.append(NodeState.BLOCKED)
    if before == NodeState.BLOCKED or NodeState.READY in NODE_MOVES[begins[0]]:
        begins.append(NodeState.READY)
    goal = NodeState.READY if after == NodeState.BLOCKED else NodeState(after)
    return any(goal in NODE_MOVES[begin] for begin in begins)


def rows_are_as_told(story: Story) -> Iterator[str]:
    """Every row is what the events tell, and the job's counters, of which its state is derived, are right."""
    yield from story.differences(of_effects=False)
    for name, number in counted(story.nodes).items():
        if getattr(story.job, name) != number:
            yield f"{name} is {getattr(story.job, name)}, and there are {number}"


def counted(nodes: list[Node]) -> dict[str, int]:
    """The job's counters, by count."""
    counters = dict.fromkeys(
        ("nodes_open", "nodes_ready", "nodes_delayed", "nodes_running", "nodes_waiting", "nodes_parked"), 0
    )
    for node in nodes:
        counters["nodes_open"] += node.state not in NODE_ENDINGS
        if (name := _counter(node)) is not None:
            counters[name] += 1
    return counters


def _counter(node: Node) -> str | None:
    if node.state == NodeState.RUNNING:
        return "nodes_running"
    if node.state == NodeState.READY and node.not_before is None:
        return "nodes_ready"
    if node.state == NodeState.READY:
        return "nodes_parked" if node.park else "nodes_delayed"
    if node.state == NodeState.WAITING and node.type != NodeType.WORKFLOW:
        return "nodes_parked" if node.park else "nodes_waiting"
    return None
