"""Expand: a plan becomes nodes, edges and declared waits, with the event that records it."""

import hashlib
from collections import Counter

from aetheris.core import registry
from aetheris.core.canonical import dumps
from aetheris.core.graph import NodeSpec, TaskGraph
from jobs.engine import advance
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Edge, Node
from jobs.states import Ending, NodeState, NodeType
from ledger.event_types import EventType
from signals_app import waits
from signals_app.models import Wait


def expand(tx: JobTransaction, plan: Node, graph: TaskGraph) -> None:
    """Store a checked graph, complete node zero, and enter every node that nothing comes before."""
    task_graph = graph.as_dict()
    text = dumps(task_graph)
    nodes = _store(tx, graph)
    tx.event(
        EventType.PLAN_GENERATED,
        {
            "task_graph": task_graph,
            "plan_hash": hashlib.sha256(text.encode()).hexdigest(),
            "decision_locked": True,
            "goal": tx.job.goal,
            "planner_version": tx.job.code_version,
        },
        plan,
    )
    move(tx, plan, NodeState.COMPLETED, ending=Ending.SUCCESS.value, output="null")
    advance.begin(tx, [node for node in nodes if node.unmet == 0])


def _store(tx: JobTransaction, graph: TaskGraph) -> list[Node]:
    incoming = Counter(edge.target for edge in graph.edges)
    nodes = [_node(tx, graph.nodes[key], position, incoming[key]) for position, key in enumerate(graph.order(), 1)]
    Node.objects.bulk_create(nodes, batch_size=1000)
    tx.change(nodes_open=tx.job.nodes_open + len(nodes))
    Edge.objects.bulk_create(
        [
            Edge(
                job=tx.job,
                tenant=tx.job.tenant,
                source=edge.source,
                target=edge.target,
                on=edge.on,
                condition=None if edge.when is None else dumps(edge.when),
            )
            for edge in graph.edges
        ],
        batch_size=1000,
    )
    Wait.objects.bulk_create(
        waits.declare(tx.job, spec.key, spec.config) for spec in graph.nodes.values() if spec.type == NodeType.WAIT
    )
    return nodes


def _node(tx: JobTransaction, spec: NodeSpec, position: int, unmet: int) -> Node:
    """A root counts as led to by the plan."""
    return Node(
        job=tx.job,
        path=spec.key,
        tenant=tx.job.tenant,
        position=position,
        type=NodeType(spec.type),
        config=dumps(spec.config),
        queue=_queue(spec),
        state=NodeState.BLOCKED,
        park=bool(spec.config.get("park", False)),
        unmet=unmet,
        taken=0 if unmet else 1,
        moved_by=tx.token,
    )


def _queue(spec: NodeSpec) -> str:
    return registry.tools.get(spec.config["tool"]).queue if spec.type == NodeType.TOOL else "default"
