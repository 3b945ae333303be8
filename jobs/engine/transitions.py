"""`move`: the only code that writes a node's state and keeps the job's counters. Legal moves are in `jobs.states`."""

from typing import Any

from jobs.engine.transaction import JobTransaction
from jobs.models import Job, Node
from jobs.states import NODE_MOVES, NodeState


class IllegalMove(RuntimeError):
    """A verb asked for a move that `NODE_MOVES` does not have: a bug, and nothing was written."""


class StaleNode(RuntimeError):
    """The row is no longer as it was read under the job's lock: a bug, and the transaction rolls back."""


def move(tx: JobTransaction, node: Node, to: NodeState, **columns: Any) -> None:
    """Move a node by compare-and-set and count it. Leaving RUNNING gives the lease back; a final state is dated."""
    if to not in NODE_MOVES[NodeState(node.state)]:
        raise IllegalMove(f"{node.path}: {node.state} → {to}")
    columns |= {"state": to.value, "moved_by": tx.token}
    if to is not NodeState.RUNNING:
        columns |= {"lease_token": None, "lease_expires_at": None}
    if not NODE_MOVES[to]:
        columns["finished_at"] = tx.now
    before = counters_of(node)
    if not Node.objects.compare_and_set(node, **columns):
        raise StaleNode(f"{node.path} of {node.job_id} is no longer {node.state}")
    for name, value in columns.items():
        setattr(node, name, value)
    count(tx, before, counters_of(node))
    tx.moved(node)


def counters_of(node: Node) -> list[str]:
    """The job's counters in which a node counts as it stands."""
    if node.is_final:
        return []
    current = {
        NodeState.READY: "nodes_ready" if node.not_before is None else "nodes_delayed",
        NodeState.RUNNING: "nodes_running",
        NodeState.WAITING: "nodes_parked" if node.park else "nodes_waiting",
    }.get(NodeState(node.state))
    return ["nodes_open", current] if current else ["nodes_open"]


def count(tx: JobTransaction, before: list[str], after: list[str]) -> None:
    """Take a node out of some counters and into others."""
    changes = {name: after.count(name) - before.count(name) for name in {*before, *after}}
    tx.change(**{name: getattr(tx.job, name) + change for name, change in changes.items() if change})


def recount(job: Job) -> dict[str, int]:
    """The counters by full count, for tests and repair."""
    return Node.objects.counted(job.pk)
