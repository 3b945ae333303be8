"""Tool nodes: the only ones that change the world outside."""

from aetheris.core import registry
from aetheris.core.canonical import digest, loads
from aetheris.core.context import StopRequest, ToolContext
from aetheris.core.errors import CriticalError, NotApplied, ToolError, described
from aetheris.core.handlers import Tool
from aetheris.core.outcomes import Doubt, Fail, Outcome
from jobs.engine.kinds.base import Claimed, Prepared, done, resolved_arguments, time_limit
from jobs.models import Job, Node
from ledger.entries import Intent
from ledger.states import EntryKind
from signals_app.approvals import Subject


def is_here(job: Job, node: Node) -> bool:
    return node.settings["tool"] in registry.tools


def prepare(job: Job, node: Node) -> Prepared:
    declared = _tool(node)
    arguments = declared.signature.canonical(resolved_arguments(node))
    timeout = time_limit(node, declared.timeout)
    intent = Intent(
        step_id=node.path,
        kind=EntryKind.TOOL,
        effect=declared.effect,
        tool=declared.name,
        tool_version=declared.version,
        arguments_digest=digest(arguments),
        timeout=timeout,
        window=declared.window,
        settle=declared.settle,
    )
    return Prepared(arguments, timeout, intent)


def subject(job: Job, node: Node) -> Subject:
    """The exact call that a tool node is going to make, as somebody is asked to approve it."""
    declared = _tool(node)
    return Subject(node.path, declared.name, declared.version, prepare(job, node).arguments)


def call(claimed: Claimed, stop: StopRequest) -> Outcome:
    declared = registry.tools.get(claimed.settings["tool"])
    context = ToolContext(
        job_id=claimed.job.pk,
        tenant=claimed.job.tenant,
        node=claimed.path,
        idempotency_key=claimed.idempotency_key,
        attempt=claimed.attempt,
        timeout=claimed.prepared.timeout,
        stop=stop,
    )
    try:
        arguments = declared.signature.bind(loads(claimed.prepared.arguments))
    except Exception as error:
        return Fail("ARGUMENTS_INVALID", described(error))
    try:
        result = declared.call(context, **arguments)
    except NotApplied as error:
        return Fail(error.code, described(error), again=True)
    except (ToolError, CriticalError) as error:
        return Fail(error.code, described(error), critical=isinstance(error, CriticalError))
    except Exception as error:
        return Doubt("TOOL_IN_DOUBT", described(error))
    return done(result)


def output(result: str) -> str:
    return result


def _tool(node: Node) -> Tool:
    return registry.tools.get(str(node.settings["tool"]))
