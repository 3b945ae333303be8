"""Gateway: the one way from a node to the world outside. Every call of a tool, a hook or a model passes here.

It is never called inside a transaction, but for a transactional tool, which reaches nothing but the database; and
never after the time to send. Whatever the called code does becomes an outcome.
"""

import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db import connection

from aetheris import failpoints
from aetheris.core import contract, loop
from aetheris.core.canonical import dumps, dumps_escaped, loads
from aetheris.core.clocks import uptime
from aetheris.core.context import ToolContext
from aetheris.core.errors import AetherisError, CriticalError, NotApplied, NotCanonical, ToolError, came_from, described
from aetheris.core.findings import DidNotHappen, Finding, Happened, Undecided
from aetheris.core.handlers import Effect, ModelAdapter, ModelAnswer, ModelRequest, Tool
from aetheris.core.outcomes import Done, Doubt, Fail, Outcome

logger = logging.getLogger(__name__)

T = TypeVar("T")


class InTransaction(RuntimeError):
    """A call to the outside inside a transaction: a bug of the engine. Nothing was sent."""


def call_tool(declared: Tool, arguments: str, context: ToolContext) -> Outcome:
    """Call a tool once with these canonical arguments. Raises nothing but `InTransaction`."""
    try:
        bound = declared.signature.bind(loads(arguments))
    except Exception as error:
        return Fail("ARGUMENTS_INVALID", described(error))
    if too_late := _too_late(context):
        return too_late
    try:
        if declared.effect is Effect.TRANSACTIONAL:
            with failpoints.around("call_tool"):
                result = declared.call(context, **bound)
        else:
            result = _outside("call_tool", lambda: _awaited(declared.call(context, **bound), context.timeout))
    except InTransaction:
        raise
    except NotApplied as error:
        return Fail(error.code, _told(error, context), again=True)
    except (ToolError, CriticalError) as error:
        return Fail(error.code, _told(error, context), critical=isinstance(error, CriticalError))
    except Exception as error:
        logger.warning("%s of %s: TOOL_IN_DOUBT\n%s", declared.name, context.node, came_from(error))
        return Doubt("TOOL_IN_DOUBT", _told(error, context))
    return _done(declared, result, context)


def reconcile(declared: Tool, arguments: str, context: ToolContext) -> Finding:
    """Ask whether an effect in doubt took place; whatever goes wrong is undecided. Raises only `InTransaction`."""
    hook = declared.hooks.reconcile
    if hook is None or _too_late(context):
        return Undecided("Nobody could be asked in time.")
    try:
        bound = declared.signature.bind(loads(arguments))
        finding = _outside("reconcile", lambda: _awaited(hook(context, **bound), context.timeout))
        if isinstance(finding, Happened):
            return Happened(loads(context.secrets.taken_out_of_json(dumps(declared.signature.result(finding.result)))))
    except InTransaction:
        raise
    except Exception as error:
        return Undecided(_told(error, context))
    if isinstance(finding, DidNotHappen | Undecided):
        return finding
    return Undecided(f"The hook answered {type(finding).__name__}, which is no finding.")


def verify(declared: Tool, arguments: Mapping[str, Any], recorded: Any, context: ToolContext) -> str | None:
    """Hold a recorded result against the world: None, or what is no longer so. Raises what the hook raises."""
    hook = declared.hooks.verify
    if hook is None:
        return None
    bound = declared.signature.bind(arguments)
    found = _outside("verify", lambda: _awaited(hook(context, recorded, **bound), context.timeout))
    return None if found is None else context.secrets.taken_out(str(found))


def ask_model(adapter: ModelAdapter, request: ModelRequest) -> ModelAnswer:
    """Ask a model once. Raises what its adapter raises."""
    return _outside("ask_model", lambda: adapter.complete(request))


def fetch(url: str, headers: Mapping[str, str], context: ToolContext) -> Outcome:
    """GET an address once. Raises nothing but `InTransaction`."""
    try:
        answer = _outside("fetch", lambda: context.http.get(url, headers=dict(headers)))
        return Done(dumps({"status": answer.status_code, "text": answer.text}))
    except InTransaction:
        raise
    except Exception as error:
        return Doubt("FETCH_IN_DOUBT", described(error))


def _outside(name: str, call: Callable[[], T]) -> T:
    if connection.in_atomic_block:
        raise InTransaction("the world outside is never called inside a transaction")
    with contract.opened(), failpoints.around(name):
        return call()


def _awaited(answer: Any, seconds: float) -> Any:
    return loop.run(answer, seconds) if inspect.iscoroutine(answer) else answer


def _too_late(context: ToolContext) -> Fail | None:
    if uptime() <= context.send_until:
        return None
    return Fail("TOO_LATE_TO_SEND", "The time to send was over before the call was begun.", again=True)


def _done(declared: Tool, result: Any, context: ToolContext) -> Outcome:
    """The result has arrived, so it is recorded whatever it holds; it is used only if it is what was declared."""
    try:
        return Done(context.secrets.taken_out_of_json(dumps(declared.signature.result(result))))
    except NotCanonical as error:
        code, reason = "RESULT_NOT_CANONICAL", error.message
    except AetherisError as error:
        code, reason = error.code, error.message
    except Exception as error:
        code, reason = "RESULT_INVALID", described(error)
    secrets = context.secrets
    return Fail(code, secrets.taken_out(reason), result=secrets.taken_out_of_json(dumps_escaped(result)))


def _told(error: Exception, context: ToolContext) -> str:
    return context.secrets.taken_out(described(error))
