"""Advance: a node that has ended decides its edges; what they lead to becomes ready, waits or is skipped."""

from typing import Any

from django.db import DatabaseError

from aetheris.core.canonical import dumps_escaped, loads
from aetheris.core.errors import AetherisError
from aetheris.core.references import holds
from jobs.engine import doubt, park
from jobs.engine.problems import problem
from jobs.engine.settle import end_if_done, fail_job, result_of
from jobs.engine.skip import skip
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move, move_all
from jobs.models import Edge, Node
from jobs.states import Ending, NodeState, NodeType
from ledger.event_types import EventType
from signals_app.models import Wait


def complete(tx: JobTransaction, node: Node, output: str, event: dict[str, Any]) -> None:
    """End a node with its output, canonical text, and lead on."""
    move(tx, node, NodeState.COMPLETED, ending=Ending.SUCCESS.value, output=tx.keep(output))
    tx.event(EventType.NODE_FINISHED, {"node_id": node.path, "state": "ok", **event}, node)
    lead_on(tx, node)


def fail(
    tx: JobTransaction, node: Node, code: str, message: str, *, timed_out: bool = False, critical: bool = False
) -> None:
    """End a node that did not and cannot succeed. An edge that asks for this leads on; else the job fails with the
    same code, and a `critical` failure fails it in any case. A node with an effect in doubt does not end: it is shown.
    """
    if doubt.remains(tx, node, code, message):
        if critical:
            fail_job(tx, code, message, node.path)
        return
    error = {"code": code, "message": message}
    output = {"error": error}
    ending = Ending.ERROR
    handled = False
    if not critical and not tx.job.starts_nothing_more:
        edges = tx.rows.leaving(node.path)
        if timed_out and any(edge.on == Ending.TIMEOUT for edge in edges):
            ending = Ending.TIMEOUT
        handled = _leads_on([edge for edge in edges if edge.on == ending], node, output)
    stored = tx.keep(dumps_escaped(output)) if handled else None
    Wait.objects.cancel_of(tx.job.pk, [node.path], tx.now)
    move(tx, node, NodeState.FAILED, ending=ending.value, error=dumps_escaped(error), output=stored)
    tx.event(
        EventType.NODE_FINISHED,
        {
            "node_id": node.path,
            "state": "failed",
            "result_type": "permanent_failure",
            "ending": ending.value,
            "error": error,
            "handled": handled,
        },
        node,
    )
    if handled:
        lead_on(tx, node)
    else:
        fail_job(tx, code, message, node.path)


def lead_on(tx: JobTransaction, *ended: Node) -> None:
    """Follow the edges of ended nodes as far as they lead without a worker, then end what is done by that."""
    sources = list(ended)
    while sources:
        sources = enter(tx, [target for source in sources for target in _decided_by(tx, source)])
        sources += _finished_parents(tx)
    end_if_done(tx)


def enter(tx: JobTransaction, nodes: list[Node]) -> list[Node]:
    """Begin nodes whose incoming edges are all decided: make them READY, open their waits, or skip them and what
    only they lead to. Returns the waits that ended at once."""
    if tx.job.starts_nothing_more:
        return []
    nodes += skip(tx, [node for node in nodes if node.taken == 0])
    waits = [node for node in nodes if node.taken and node.type == NodeType.WAIT]
    move_all(tx, [node for node in nodes if node.taken and node.type != NodeType.WAIT], NodeState.READY, rung_at=tx.now)
    for node in waits:
        _open_wait(tx, node)
    return [node for node in waits if node.state == NodeState.COMPLETED]


def reach(tx: JobTransaction, node: Node) -> None:
    """Open a wait that was left READY for a process that has the code of what is to be approved."""
    _open_wait(tx, node)
    if node.state == NodeState.COMPLETED:
        lead_on(tx, node)


def _open_wait(tx: JobTransaction, node: Node) -> None:
    if tx.job.starts_nothing_more:
        return
    try:
        park.open_wait(tx, node)
    except DatabaseError:
        raise
    except Exception as error:
        # It concerns this wait alone: what was committed before it must stay.
        fail(tx, node, *problem(error))


def _decided_by(tx: JobTransaction, source: Node) -> list[Node]:
    """Decide the edges that leave an ended node; the targets that have no undecided edge left."""
    edges = tx.rows.leaving(source.path)
    if not edges or tx.job.starts_nothing_more:
        return []
    try:
        taken = [edge for edge in edges if _is_taken(tx, edge, source)]
    except AetherisError as error:
        fail_job(tx, error.code, error.message, source.path)
        return []
    return tx.rows.decide(source.path, edges, taken)


def _is_taken(tx: JobTransaction, edge: Edge, source: Node) -> bool:
    if source.ending != edge.on:
        return False
    if edge.condition is None:
        return True
    return _holds(edge, source, loads(tx.rows.text(source.output or "null")))


def _leads_on(edges: list[Edge], source: Node, output: Any) -> bool:
    """Whether one of these edges is taken; a condition that cannot be evaluated takes none."""
    try:
        return any(_holds(edge, source, output) for edge in edges)
    except AetherisError:
        return False


def _holds(edge: Edge, source: Node, output: Any) -> bool:
    return edge.condition is None or holds(loads(edge.condition), source.key, output)


def _finished_parents(tx: JobTransaction) -> list[Node]:
    """Complete the workflow nodes whose last child has ended in this transaction."""
    parents = []
    for path, ended in tx.take_ended_children():
        parent = tx.rows.child_ended(path, ended)
        if parent is not None and parent.children_open == 0 and parent.state == NodeState.WAITING:
            output = dumps_escaped(result_of(tx.rows, parent.path, str(parent.options.get("output", ""))))
            move(tx, parent, NodeState.COMPLETED, ending=Ending.SUCCESS.value, output=tx.keep(output))
            event = {"node_id": path, "state": "ok", "result_type": "workflow", "output": loads(output)}
            tx.event(EventType.NODE_FINISHED, event, parent)
            parents.append(parent)
    return parents
