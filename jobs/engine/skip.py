"""Skip: what nothing leads to any more ends, and with it everything that only it would have led to."""

from collections import Counter

from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move_all
from jobs.models import Edge, Node
from jobs.states import NodeState
from ledger.event_types import EventType
from signals_app.models import Wait


def skip(tx: JobTransaction, first: list[Node]) -> list[Node]:
    """Skip these nodes and what follows from that, in a few statements however many they are. Returns the nodes
    whose last edge was decided by it and that another edge leads to."""
    if not first:
        return []
    followers = Edge.objects.followers(tx.job.pk)
    blocked = {node.path: node for node in Node.objects.blocked(tx.job.pk)}
    skipped = {node.path: blocked[node.path] for node in first}
    decided: Counter[str] = Counter()
    ahead = list(skipped)
    for path in ahead:
        for target in followers.get(path, ()):
            decided[target] += 1
            node = blocked.get(target)
            if node is not None and node.unmet == decided[target] and node.taken == 0:
                skipped[target] = node
                ahead.append(target)
    _write(tx, list(skipped.values()), decided)
    met = [path for path in decided if path not in skipped]
    return Node.objects.decided(tx.job.pk, met)


def _write(tx: JobTransaction, nodes: list[Node], decided: Counter[str]) -> None:
    paths = [node.path for node in nodes]
    Edge.objects.decide_none(tx.job.pk, paths)
    Node.objects.count_decided(tx.job.pk, decided, ())
    move_all(tx, nodes, NodeState.SKIPPED)
    Wait.objects.cancel_of(tx.job.pk, paths, tx.now)
    for node in nodes:
        tx.event(EventType.NODE_FINISHED, {"node_id": node.path, "state": "skipped", "result_type": "skipped"}, node)
