"""Every error that Aetheris raises on purpose: a stable code, a sentence that says what to do, details as data."""

import traceback
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class AetherisError(Exception):
    """Base of all errors. `code` is stable and documented; `message` is for people; `details` is JSON data."""

    code = "INTERNAL_ERROR"
    message = ""
    details: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, message: str, *, code: str | None = None, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.details = details or {}

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "details": dict(self.details)}


def described(error: BaseException) -> str:
    """An error in words that can be stored anywhere: its own message, or its kind and text. Raises nothing."""
    if isinstance(error, AetherisError) and error.message:
        return storable(error.message)
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be read)"
    return storable(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def came_from(error: BaseException) -> str:
    """The lines of code that an error came through, for a log: without its text and the values, which may be secret."""
    return "".join(traceback.format_tb(error.__traceback__)).rstrip()


def storable(text: str) -> str:
    """A text without what a database column refuses: NUL and lone surrogates are written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


class ToolError(AetherisError):
    """Raised by a tool: the effect did **not** happen; the answer belongs to the graph, the job may go on."""

    code = "TOOL_ERROR"


class CriticalError(AetherisError):
    """Raised by a tool or a plan: nothing happened, and the job must start nothing more."""

    code = "CRITICAL_ERROR"


class Stopped(CriticalError):
    """Raised by `ctx.check_stop()`: the node was asked to stop before it did anything outside."""

    code = "NODE_STOPPED"


class NotApplied(AetherisError):
    """Raised by a tool: the effect did **not** happen and may be tried again."""

    code = "NOT_APPLIED"


class GraphError(AetherisError):
    """A task graph that cannot run. Raised by `TaskGraph` and by the check of a plan; nothing is stored."""

    code = "GRAPH_INVALID"


class ReferenceMissing(AetherisError):
    """A reference names a value that its node did not produce."""

    code = "REFERENCE_MISSING"


class ArgumentsInvalid(AetherisError):
    """Arguments that do not fit the schema of the tool or function they are for."""

    code = "ARGUMENTS_INVALID"


class ResultInvalid(AetherisError):
    """A result that does not fit what its tool says that it returns."""

    code = "RESULT_INVALID"


class NotCanonical(AetherisError):
    """A value that has no canonical JSON form: NaN, an infinity, a lone surrogate, a key that is no text."""

    code = "VALUE_NOT_CANONICAL"


class UnknownName(AetherisError):
    """A name that nothing is registered under."""

    code = "NOT_FOUND"


class Refused(AetherisError):
    """A door's answer to a request that may not be done: bad key, wrong state, missing right. Nothing changed."""

    code = "REFUSED"
