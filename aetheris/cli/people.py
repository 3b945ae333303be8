"""What people are asked, and their answers. These commands act as the development user `approver` unless told
otherwise: whoever asked for a job may not decide."""

from typing import Annotated, Any, Literal
from uuid import UUID

import typer

from aetheris.cli import completing
from aetheris.cli.door import APPROVER, Door, at
from aetheris.cli.endings import Refused
from aetheris.cli.jobs import Reason
from aetheris.cli.over_rest import over_rest
from aetheris.cli.screen import Screen
from aetheris.cli.shown import questions
from aetheris.cli.shown.harmless import harmless
from aetheris.cli.shown.words import verdict
from aetheris.cli.typed import ApprovalState, JobId, QuestionState, Resolution, json_value
from aetheris.services import ServiceError

Asked = Annotated[
    UUID,
    typer.Argument(
        metavar="APPROVAL",
        help="An approval's id, or the job's that waits for it.",
        autocompletion=completing.approvals,
    ),
]
Limit = Annotated[int, typer.Option(help="How many at most.", min=1, max=100)]
Cursor = Annotated[str, typer.Option(help="What an earlier list ended with: the page behind it.")]


@over_rest(who=APPROVER)
def approvals(
    door: Door,
    screen: Screen,
    status: Annotated[Literal[ApprovalState, "all"], typer.Option(help="Only those that stand so.")] = "pending",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> None:
    """List what waits for somebody's decision, with the exact arguments that it is about."""
    wanted = None if status == "all" else status
    screen.show(door.get("approvals", status=wanted, limit=limit, cursor=cursor), questions.approvals)


@over_rest(who=APPROVER)
def approve(door: Door, screen: Screen, asked: Asked, reason: Reason = "") -> None:
    """Say yes to exactly what was asked."""
    _decide(door, screen, asked, "approve", reason)


@over_rest(who=APPROVER)
def refuse(door: Door, screen: Screen, asked: Asked, reason: Reason = "") -> None:
    """Say no: the step ends as refused, and the job goes on only where its plan asks for that."""
    _decide(door, screen, asked, "reject", reason)


@over_rest(who=APPROVER)
def resolutions(
    door: Door,
    screen: Screen,
    status: Annotated[QuestionState, typer.Option(help="Only those that stand so.")] = "open",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> None:
    """List effects of which nobody knows whether they happened, with what may be said about each."""
    screen.show(door.get("resolutions", status=status, limit=limit, cursor=cursor), questions.resolutions)


@over_rest(who=APPROVER)
def resolve(
    door: Door,
    screen: Screen,
    job_id: JobId,
    resolution: Annotated[
        Resolution,
        typer.Argument(
            metavar="RESOLUTION", help="What became of it; of a changed world only whether to go on or to stop."
        ),
    ],
    result: Annotated[
        Any, typer.Option(parser=json_value, metavar="JSON", help="With `happened`: what the tool would have returned.")
    ] = None,
    key: Annotated[str, typer.Option(help="Which question, if the job has several: its correlation key.")] = "",
    reason: Reason = "",
) -> None:
    """Say what became of an effect in doubt, after looking outside: `aetheris resolutions` shows what may be said."""
    body: dict[str, Any] = {"resolution": resolution, "reason": reason}
    if result is not None:
        body["result"] = result
    body["correlation_key"] = key or _question_of(door, job_id)
    screen.show(door.post(at("jobs", job_id, "resolve"), body), verdict)


def _decide(door: Door, screen: Screen, asked: UUID, decision: str, reason: str) -> None:
    path = at("approvals", _approval(door, asked))
    try:
        answer = door.post(f"{path}/{decision}", {"reason": reason})
    except Refused as refused:
        if refused.code == "SIGNAL_CONFLICT":
            raise refused.because(questions.decided(door.get(path))) from None
        raise
    screen.show(answer, verdict)
    if answer["status"] == "already":
        screen.say(harmless(questions.decided(door.get(path))))


def _approval(door: Door, asked: UUID) -> str:
    """The one that is meant: by its own id, or of a job the only one that is open, else the last that was decided."""
    of_job = list(door.all("approvals", "approvals", job_id=asked))
    pending = [each for each in of_job if each["status"] == "pending"]
    if len(pending) > 1:
        raise ServiceError(
            f"Job {asked} waits for {len(pending)} decisions.",
            f"Name one: {', '.join(each['id'] for each in pending)}.",
        )
    return str((pending or of_job or [{"id": asked}])[0]["id"])


def _question_of(door: Door, job_id: UUID) -> str:
    asked = door.all("resolutions", "resolutions", status="open")
    keys = [each["correlation_key"] for each in asked if each["job_id"] == str(job_id)]
    if len(keys) != 1:
        raise ServiceError(
            f"Job {job_id} has {len(keys) or 'no'} questions about effects.",
            f"Name one with --key: {', '.join(keys)}." if keys else "`aetheris resolutions` lists what is open.",
        )
    return str(keys[0])
