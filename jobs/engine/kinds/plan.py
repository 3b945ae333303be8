"""Node zero: the agent's plan, made once and recorded, never made again."""

import logging
from collections.abc import Sequence

from aetheris.conf import configuration
from aetheris.core import registry
from aetheris.core.context import PlanContext, StopRequest
from aetheris.core.errors import AetherisError, GraphError, came_from, described
from aetheris.core.graph import NodeSpec, TaskGraph
from aetheris.core.handlers import Function, Planner, Step, Tool
from aetheris.core.outcomes import Expand, Fail, Outcome
from jobs.engine.kinds.base import Claimed, Prepared
from jobs.engine.rows import Rows
from jobs.models import Job, Node

logger = logging.getLogger(__name__)


def is_here(job: Job, node: Node) -> bool:
    return job.agent.name in registry.agents


def prepare(rows: Rows, node: Node) -> Prepared:
    return Prepared("{}", configuration().node_timeout_seconds)


def call(claimed: Claimed, stop: StopRequest) -> Outcome:
    planner = registry.agents.get(claimed.job.agent.name)
    try:
        graph = planner.plan(PlanContext(claimed.job.pk, claimed.job.tenant), claimed.job.goal)
        check(graph, planner)
        name_models(graph)
    except AetherisError as error:
        return Fail(error.code, error.message)
    except Exception as error:
        logger.warning("%s: PLAN_FAILED\n%s", claimed.path, came_from(error))
        return Fail("PLAN_FAILED", described(error))
    return Expand(graph)


def check(graph: TaskGraph, planner: Planner) -> None:
    """Raise `AetherisError` unless the graph is sound and calls only what its agent declares, by the right names."""
    if not isinstance(graph, TaskGraph):
        raise GraphError("A plan, or a workflow's function, must return a TaskGraph.")
    graph.check()
    for node in graph.nodes.values():
        _check_handler(node, planner)


def name_models(graph: TaskGraph) -> None:
    """Write the default model into every LLM node that names none: the plan says which model, for good."""
    for node in graph.nodes.values():
        if node.type == "llm":
            _name_model(node)


def _name_model(node: NodeSpec) -> None:
    arguments = node.config["arguments"]
    arguments["model"] = arguments["model"] or configuration().model
    provider, _, model = str(arguments["model"]).partition(":")
    if not model:
        raise GraphError(
            f"Node {node.key!r} names no model. Give it model='provider:model', or set AETHERIS_MODEL.",
            code="MODEL_NOT_SET",
        )
    registry.models.get(provider)


def _check_handler(node: NodeSpec, planner: Planner) -> None:
    """A node calls what its agent lists, by the names of its arguments."""
    listed: dict[str, tuple[str, Sequence[Tool | Function | Step]]] = {
        "tool": ("tool", planner.tools),
        "function": ("function", planner.functions),
        "workflow": ("function", planner.functions),
        "step": ("step", planner.steps),
    }
    if node.type not in listed:
        return
    what, handlers = listed[node.type]
    name = node.config[what]
    found = next((handler for handler in handlers if handler.name == name), None)
    if found is None:
        raise GraphError(
            f"Node {node.key!r} names {name!r}, which is no {what} of {planner.name}; add it to its {what}s.",
            code=f"{what.upper()}_NOT_FOUND",
        )
    found.signature.check_names(node.arguments)
    if "until" in node.config and isinstance(found, Tool) and found.effect.writes:
        raise GraphError(
            f"Node {node.key!r} looks again and again, so {name!r} must be a read tool.", code="GRAPH_WAIT_INVALID"
        )
