"""Advance: a node that has ended decides its edges; what they lead to becomes ready, waits or is skipped."""

from collections import Counter, deque
from typing import Any

from aetheris.core.canonical import dumps_escaped, loads
from aetheris.core.errors import AetherisError
from aetheris.core.references import holds
from jobs.engine.park import open_wait
from jobs.engine.settle import end_if_done, fail_job
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Body, Edge, Node
from jobs.states import Ending, NodeState, NodeType
from ledger.event_types import EventType
from signals_app import waits
from signals_app.models import Wait


def complete(tx: JobTransaction, node: Node, output: str, event: dict[str, Any]) -> None:
    """End a node with its output, canonical text, and lead on."""
    move(tx, node, NodeState.COMPLETED, ending=Ending.SUCCESS.value, output=tx.keep(output))
    tx.event(EventType.NODE_FINISHED, {"node_id": node.path, "state": "ok", **event}, node)
    lead_on(tx, node)


def fail(tx: JobTransaction, node: Node, code: str, message: str) -> None:
    """End a node that did not and cannot succeed; the job fails with the same code."""
    error = {"code": code, "message": message}
    move(tx, node, NodeState.FAILED, error=dumps_escaped(error))
    tx.event(
        EventType.NODE_FINISHED,
        {"node_id": node.path, "state": "failed", "result_type": "permanent_failure", "error": error},
        node,
    )
    fail_job(tx, code, message, node.path)


def lead_on(tx: JobTransaction, node: Node) -> None:
    """Follow the edges of a completed node as far as they lead without a worker, then end the job if all is done."""
    ended = deque([node])
    while ended:
        for target in _decided_by(tx, ended.popleft()):
            if _enter(tx, target):
                ended.append(target)
    end_if_done(tx)


def begin(tx: JobTransaction, nodes: list[Node]) -> None:
    """Enter the first nodes of a plan, and follow those that end at once."""
    for node in nodes:
        if _enter(tx, node):
            lead_on(tx, node)


def _enter(tx: JobTransaction, node: Node) -> bool:
    """Begin a node whose incoming edges are all decided: skip it, open its wait, or make it READY; whether it ended."""
    if tx.job.starts_nothing_more:
        return False
    if node.taken == 0:
        _skip(tx, node)
    elif node.type != NodeType.WAIT:
        move(tx, node, NodeState.READY, rung_at=tx.now)
    else:
        try:
            open_wait(tx, node)
        except AetherisError as error:
            fail(tx, node, error.code, error.message)
    return node.state in (NodeState.COMPLETED, NodeState.SKIPPED)


def _skip(tx: JobTransaction, node: Node) -> None:
    """End a node that nothing leads to; the key of a wait takes no signal any more."""
    move(tx, node, NodeState.SKIPPED)
    if node.type == NodeType.WAIT:
        waits.cancel(Wait.objects.of_node(tx.job.pk, node.path), tx.now)
    tx.event(
        EventType.NODE_FINISHED,
        {"node_id": node.path, "state": "skipped", "result_type": "skipped"},
        node,
    )


def _decided_by(tx: JobTransaction, source: Node) -> list[Node]:
    """Decide the edges that leave an ended node; the targets that have no undecided edge left."""
    edges = Edge.objects.leaving(tx.job.pk, source.path)
    if not edges:
        return []
    try:
        taken = [edge for edge in edges if _is_taken(edge, source)]
    except AetherisError as error:
        fail_job(tx, error.code, error.message, source.path)
        return []
    Edge.objects.decide(tx.job.pk, source.path, [(edge.target, edge.on) for edge in taken])
    Node.objects.count_decided(tx.job.pk, Counter(edge.target for edge in edges), {edge.target for edge in taken})
    return Node.objects.decided(tx.job.pk, {edge.target for edge in edges})


def _is_taken(edge: Edge, source: Node) -> bool:
    if source.state != NodeState.COMPLETED or source.ending != edge.on:
        return False
    if edge.condition is None:
        return True
    output = Body.objects.text(source.job_id, source.output or "null")
    return holds(loads(edge.condition), source.path, loads(output))
