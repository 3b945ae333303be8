"""Expand: a graph becomes nodes, edges and declared waits under the node that answered with it.

Node zero's graph stands at the top of the job, and node zero is done with it. A workflow node's graph stands under
its own path, and it waits until the last of its children has ended.
"""

from collections import Counter
from typing import Any

from aetheris.core import registry
from aetheris.core.canonical import Canonical, digest, dumps
from aetheris.core.graph import EdgeSpec, NodeSpec, TaskGraph
from aetheris.core.graph_check import MAX_NODES
from jobs.engine import advance
from jobs.engine.new_rows import new_row
from jobs.engine.settle import stop_the_rest
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Edge, Node
from jobs.states import Ending, NodeState, NodeType
from ledger.event_types import EventType
from signals_app import waits

Columns = dict[str, Any]


def store(tx: JobTransaction, parent: Node, graph: TaskGraph) -> list[Node]:
    """Write a checked graph's rows. Raises `ValueError`, or what the database raises, for one that does not fit."""
    prefix = parent.child_prefix
    position = 1 if parent.type == NodeType.PLAN else tx.rows.last_position() + 1
    if position + len(graph.nodes) > MAX_NODES:
        raise ValueError(f"A job has at most {MAX_NODES} nodes.")
    tx.rows.make_room(len(graph.nodes))
    incoming = Counter(edge.target for edge in graph.edges)
    of_job = {"job_id": tx.job.pk, "tenant": tx.job.tenant}
    blocked = of_job | {"priority": tx.job.priority, "state": NodeState.BLOCKED, "moved_by": tx.token}
    order = enumerate(graph.order(), position)
    nodes = [_node(blocked, prefix, graph.nodes[key], place, incoming[key]) for place, key in order]
    edges = [_edge(of_job, prefix, edge) for edge in graph.edges]
    declared = [
        waits.declare(tx.job, prefix, spec.key, spec.config)
        for spec in graph.nodes.values()
        if "wait_kind" in spec.config
    ]
    tx.rows.add(nodes, edges, declared)
    return nodes


def expand(tx: JobTransaction, parent: Node, graph: TaskGraph, nodes: list[Node]) -> None:
    """Record a stored graph, end or park the node that answered with it, and enter what nothing comes before."""
    task_graph = Canonical(dumps(graph.as_dict()))
    tx.change(nodes_open=tx.job.nodes_open + len(nodes))
    tx.event(
        EventType.PLAN_GENERATED,
        {
            "node_id": parent.path,
            "task_graph": task_graph,
            "plan_hash": digest(task_graph).hex(),
            "decision_locked": True,
            "goal": tx.job.goal,
            "planner_version": tx.job.code_version,
        },
        parent,
    )
    if parent.type == NodeType.PLAN:
        move(tx, parent, NodeState.COMPLETED, ending=Ending.SUCCESS.value, output="null")
    else:
        config = dumps({**parent.settings, "options": {**parent.options, "output": graph.output}})
        move(tx, parent, NodeState.WAITING, children_open=len(nodes), config=config)
    if tx.job.starts_nothing_more:
        stop_the_rest(tx)
    advance.lead_on(tx, *advance.enter(tx, [node for node in nodes if node.unmet == 0]))


def _node(blocked: Columns, prefix: str, spec: NodeSpec, position: int, unmet: int) -> Node:
    """A root counts as led to by its plan."""
    own = {
        "path": prefix + spec.key,
        "position": position,
        "type": NodeType(spec.type),
        "config": dumps(spec.config),
        "queue": _queue(spec),
        "park": bool(spec.config.get("park", False)),
        "unmet": unmet,
        "taken": 0 if unmet else 1,
    }
    return new_row(Node, blocked | own)


def _edge(of_job: Columns, prefix: str, spec: EdgeSpec) -> Edge:
    own = {
        "source": prefix + spec.source,
        "target": prefix + spec.target,
        "on": spec.on,
        "condition": None if spec.when is None else dumps(spec.when),
    }
    return new_row(Edge, of_job | own)


def _queue(spec: NodeSpec) -> str:
    if named := spec.config.get("options", {}).get("queue"):
        return str(named)
    return registry.tools.get(spec.config["tool"]).queue if spec.type == NodeType.TOOL else "default"
