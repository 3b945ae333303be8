"""What is typed at a terminal and is more than a text: ids, words, JSON, durations. What is none is wrong usage."""

import json
from typing import Annotated, Any, Literal
from uuid import UUID

import typer

from aetheris.cli import completing
from aetheris.core.durations import seconds
from aetheris.core.errors import AetherisError

JobId = Annotated[UUID, typer.Argument(metavar="JOB", help="A job's id.", autocompletion=completing.jobs)]

# The words of REST. Whoever has them imports Django; a test holds these to them.
JobState = Literal["pending", "running", "retrying", "waiting", "parked", "completed", "failed", "cancelled"]
Outcome = Literal["completed", "refused", "failed", "cancelled"]
ApprovalState = Literal["pending", "approved", "refused", "expired", "cancelled"]
QuestionState = Literal["open", "resolved"]
Resolution = Literal["happened", "did_not_happen", "send_again", "ask", "go_on", "stop"]


def json_value(text: str) -> Any:
    """Raises typer's `BadParameter`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{text!r} is no JSON: {error}.") from None


def json_object(text: str) -> dict[str, Any]:
    """Raises typer's `BadParameter`."""
    value = json_value(text)
    if not isinstance(value, dict):
        raise typer.BadParameter(f"""{text!r} is no JSON object, such as '{{"approved": true}}'.""")
    return value


def duration(text: str) -> float:
    """Seconds. Raises typer's `BadParameter`."""
    try:
        return seconds(text)
    except AetherisError as error:
        raise typer.BadParameter(error.message) from None


Timeout = Annotated[
    float | None,
    typer.Option(parser=duration, metavar="DURATION", help="When it is followed: for how long, like 30s or 5m."),
]
