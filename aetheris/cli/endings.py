"""How a command ends: the exit codes, and what is said when it cannot be done."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from aetheris.cli.shown.harmless import harmless
from aetheris.services import ServiceError, report

DONE, FAILED, USAGE, NOT_RUNNING, JOB_FAILED, JOB_WAITS, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
MEANING: Mapping[int, str] = {
    DONE: "done, or already so",
    FAILED: "it could not be done; the reason is printed",
    USAGE: "wrong usage",
    NOT_RUNNING: "nothing runs there, or it does not answer",
    JOB_FAILED: "the job that was waited for has failed, was cancelled or refused",
    JOB_WAITS: "the job that was waited for has not ended in time",
    INTERRUPTED: "interrupted",
}


class NotRunning(ServiceError):
    """There is no instance where one was looked for."""

    exit_code = NOT_RUNNING
    code = "INSTANCE_NOT_RUNNING"


class NoAnswer(ServiceError):
    """There may be one, but it does not answer."""

    exit_code = NOT_RUNNING
    code = "INSTANCE_SILENT"


class Refused(ServiceError):
    """The instance answered, and said no."""

    def __init__(self, code: str, message: str, details: Any, status: int, remedy: str) -> None:
        told = [f"{field}: {_said(why)}" for field, why in details.items()] if isinstance(details, dict) else []
        super().__init__(harmless("\n  ".join([f"{code}: {message}", *told])), remedy)
        self.code, self.status = code, status
        self.message, self.details = message, details

    def because(self, reason: str) -> "Refused":
        """The same refusal, with what somebody must know to understand it."""
        return Refused(self.code, f"{self.message} {reason}", self.details, self.status, self.remedy)


@contextmanager
def told(*, as_json: bool) -> Iterator[None]:
    """A known error ends the command with its exit code: as two lines for people, as one body for scripts."""
    try:
        yield
    except ServiceError as error:
        if as_json:
            report.write(json.dumps({"error": body(error)}, ensure_ascii=False), error=True)
        else:
            report.complain(error)
        raise typer.Exit(error.exit_code) from None


def body(error: ServiceError) -> dict[str, Any]:
    """The shape of REST's errors, also for what never came so far."""
    message = error.message if isinstance(error, Refused) else error.problem
    details = error.details if isinstance(error, Refused) else {}
    return {"code": error.code, "message": message, "details": details, "remedy": error.remedy}


def _said(why: Any) -> str:
    return " ".join(map(str, why)) if isinstance(why, list) else str(why)
