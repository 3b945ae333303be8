"""Tool nodes: the only ones that change the world outside."""

from aetheris.core import registry
from aetheris.core.canonical import digest
from aetheris.core.context import StopRequest
from aetheris.core.handlers import Tool
from aetheris.core.outcomes import Outcome
from jobs.engine import gateway
from jobs.engine.kinds.base import Claimed, Prepared, resolved_arguments, time_limit
from jobs.engine.rows import Rows
from jobs.models import Job, Node
from ledger.entries import Intent
from ledger.states import EntryKind
from signals_app.approvals import Subject
from signals_app.models import Wait


def is_here(job: Job, node: Node) -> bool:
    return node.settings["tool"] in registry.tools


def prepare(rows: Rows, node: Node) -> Prepared:
    settings = node.settings
    declared = _tool(node)
    arguments = declared.signature.canonical(resolved_arguments(rows, node, settings["arguments"]))
    timeout = time_limit(settings, declared.timeout)
    return Prepared(arguments, timeout, intent(declared, _step_id(node), arguments, timeout))


def intent(declared: Tool, step_id: str, arguments: str, timeout: float) -> Intent:
    """What calling this tool here, with these canonical arguments, is about to do."""
    return Intent(
        step_id=step_id,
        kind=EntryKind.TOOL,
        effect=declared.effect,
        tool=declared.name,
        tool_version=declared.version,
        arguments_digest=digest(arguments),
        timeout=timeout,
        window=declared.window,
        settle=declared.settle,
        can_ask=declared.hooks.reconcile is not None,
    )


def subject(rows: Rows, node: Node) -> Subject:
    """The exact call that a tool node is going to make, as somebody is asked to approve it."""
    declared = _tool(node)
    return Subject(node.path, declared.name, declared.version, prepare(rows, node).arguments)


def call(claimed: Claimed, stop: StopRequest) -> Outcome:
    declared = registry.tools.get(claimed.settings["tool"])
    return gateway.call_tool(declared, claimed.prepared.arguments, claimed.context(stop))


def _step_id(node: Node) -> str:
    """The node's one effect; each look of a node that looks again is one of its own."""
    if "until" not in node.settings:
        return node.path
    return f"{node.path}#{Wait.objects.of_node(node.job_id, node.path).looks + 1}"


def _tool(node: Node) -> Tool:
    return registry.tools.get(str(node.settings["tool"]))
