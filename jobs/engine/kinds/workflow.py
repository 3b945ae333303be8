"""Workflow nodes: a registered function answers with a graph, which runs under the node; planners and loops grow so."""

from aetheris.conf import configuration
from aetheris.core import registry
from aetheris.core.canonical import loads
from aetheris.core.context import StopRequest
from aetheris.core.errors import AetherisError, described
from aetheris.core.outcomes import Expand, Fail, Outcome
from jobs.engine.kinds.base import Claimed, Prepared, resolved_arguments, time_limit
from jobs.engine.kinds.plan import check, name_models
from jobs.engine.rows import Rows
from jobs.models import Job, Node


def is_here(job: Job, node: Node) -> bool:
    return node.settings["function"] in registry.functions


def prepare(rows: Rows, node: Node) -> Prepared:
    settings = node.settings
    declared = registry.functions.get(str(settings["function"]))
    timeout = time_limit(settings, configuration().node_timeout_seconds)
    return Prepared(declared.signature.canonical(resolved_arguments(rows, node, settings["arguments"])), timeout)


def call(claimed: Claimed, stop: StopRequest) -> Outcome:
    declared = registry.functions.get(claimed.settings["function"])
    try:
        graph = declared.call(**declared.signature.bind(loads(claimed.prepared.arguments)))
        check(graph, registry.agents.get(claimed.job.agent.name))
        name_models(graph)
    except AetherisError as error:
        return Fail(error.code, error.message)
    except Exception as error:
        return Fail("FUNCTION_FAILED", described(error))
    return Expand(graph)
