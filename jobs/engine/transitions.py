"""`move`: the only code that writes a node's state and keeps the job's counters. Legal moves are in `jobs.states`."""

from typing import Any

from jobs.engine.transaction import JobTransaction
from jobs.models import Job, Node
from jobs.states import NODE_ENDINGS, NODE_MOVES, NodeState, NodeType


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
    if to in NODE_ENDINGS:
        columns["finished_at"] = tx.now
    before = counters_of(node)
    if node.state == NodeState.WAITING and node.park:
        tx.change(recheck_before=tx.now)
        # A question parks any node; once it is answered the node is again as it was planned.
        columns.setdefault("park", bool(node.settings.get("park")))
    if not tx.rows.change(node, columns):
        raise StaleNode(f"{node.path} of {node.job_id} is no longer {node.state}")
    vars(node).update(columns)
    count(tx, before, counters_of(node))
    tx.moved(node)


def move_all(tx: JobTransaction, nodes: list[Node], to: NodeState, **columns: Any) -> None:
    """Move BLOCKED nodes together, in one statement."""
    if not nodes:
        return
    if to not in NODE_MOVES[NodeState.BLOCKED] or any(node.state != NodeState.BLOCKED for node in nodes):
        raise IllegalMove(f"{len(nodes)} nodes: blocked → {to}")
    columns |= {"state": to.value, "moved_by": tx.token}
    if to in NODE_ENDINGS:
        columns["finished_at"] = tx.now
    if not tx.rows.change_blocked(nodes, columns):
        raise StaleNode(f"a node of {tx.job.pk} is no longer blocked")
    for node in nodes:
        before = counters_of(node)
        vars(node).update(columns)
        count(tx, before, counters_of(node))
        tx.moved(node)


def cancel_all(tx: JobTransaction, doubtful: set[str]) -> None:
    """Cancel every node that neither runs nor is final, but those in doubt, in one statement."""
    Node.objects.cancel(tx.job.pk, doubtful, now=tx.now, token=tx.token)
    tx.change(
        nodes_open=tx.job.nodes_running + len(doubtful),
        nodes_ready=0,
        nodes_delayed=0,
        nodes_waiting=0,
        nodes_parked=len(doubtful),
    )
    tx.forget_ready()


def revive_all(tx: JobTransaction, nodes: list[Node]) -> None:
    """Move failed and cancelled nodes back to BLOCKED, as they were planned, in one statement."""
    if any(NodeState.BLOCKED not in NODE_MOVES[NodeState(node.state)] for node in nodes):
        raise IllegalMove(f"{len(nodes)} nodes: back to blocked")
    columns = Node.objects.revive(tx.job.pk, [node.path for node in nodes], token=tx.token)
    for node in nodes:
        vars(node).update(columns)
    tx.change(nodes_open=tx.job.nodes_open + len(nodes))


def counters_of(node: Node) -> set[str]:
    """The job's counters in which a node counts as it stands."""
    match node.state:
        case NodeState.BLOCKED:
            return {"nodes_open"}
        case NodeState.READY:
            return {"nodes_open", _as_ready(node)}
        case NodeState.RUNNING:
            return {"nodes_open", "nodes_running"}
        case NodeState.WAITING if node.type == NodeType.WORKFLOW:
            # It waits for its children, and is as they are.
            return {"nodes_open"}
        case NodeState.WAITING:
            return {"nodes_open", "nodes_parked" if node.park else "nodes_waiting"}
        case _:
            return set()


def _as_ready(node: Node) -> str:
    """A node that looks again later is as one that waits."""
    if node.not_before is None:
        return "nodes_ready"
    return "nodes_parked" if node.park else "nodes_delayed"


def count(tx: JobTransaction, before: set[str], after: set[str]) -> None:
    """Take a node out of some counters and into others."""
    tx.change(**{name: getattr(tx.job, name) + (1 if name in after else -1) for name in before ^ after})


def recount(job: Job) -> dict[str, int]:
    """The counters by full count, for tests and repair."""
    return Node.objects.counted(job.pk)
