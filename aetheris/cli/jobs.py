"""Jobs: find them, look at one, follow it, answer what it waits for, stop it, try it again."""

from typing import Annotated, Any

import typer

from aetheris.cli import completing
from aetheris.cli.door import Door, at
from aetheris.cli.endings import FAILED
from aetheris.cli.following import follow, report_end
from aetheris.cli.over_rest import over_rest
from aetheris.cli.screen import Screen
from aetheris.cli.shown import jobs as shown
from aetheris.cli.shown import trace as traces
from aetheris.cli.shown.words import verdict
from aetheris.cli.typed import JobId, JobState, Outcome, Timeout, json_object

Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]


@over_rest
def jobs(
    door: Door,
    screen: Screen,
    agent: Annotated[str, typer.Argument(help="Only this agent's.", autocompletion=completing.agents)] = "",
    status: Annotated[JobState | None, typer.Option(help="Only those that stand so.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only those that came to this.")] = None,
    search: Annotated[str, typer.Option(help="A part of the goal.")] = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100)] = 20,
    cursor: Annotated[str, typer.Option(help="What an earlier list ended with: the page behind it.")] = "",
) -> None:
    """List jobs, the newest first."""
    wanted = {"agent": agent, "status": status, "outcome": outcome, "search": search, "limit": limit, "cursor": cursor}
    answer = door.get("jobs", **wanted)
    if agent and not answer["jobs"]:
        # One that has no such jobs is told from one that does not exist: that is refused.
        door.get(at("agents", agent, "state"))
    screen.show(answer, shown.listed)


@over_rest
def job(
    door: Door,
    screen: Screen,
    job_id: JobId,
    following: Annotated[
        bool,
        typer.Option(
            "--follow",
            "-f",
            help="Show its events until it has ended; with --json one on each line, and the job on the last.",
        ),
    ] = False,
    timeout: Timeout = None,
) -> None:
    """Show one job: how it stands, its nodes, its result, what it waits for and what can be done about it."""
    found = door.get(at("jobs", job_id))
    if following:
        report_end(screen, follow(door, screen, found["id"], timeout, each_event=True))
    else:
        screen.show(found, shown.shown)


@over_rest
def trace(door: Door, screen: Screen, job_id: JobId) -> None:
    """Show what a job did, as a tree: its steps, what each was given, what came of it, and how long it took."""
    screen.show(door.get(at("jobs", job_id, "trace")), traces.tree)


@over_rest
def replay(
    door: Door,
    screen: Screen,
    job_id: JobId,
    step: Annotated[str, typer.Option(help="A node: also the results before it, and its own.")] = "",
) -> None:
    """Rebuild a job from its events alone and compare it with its records; nothing is called. A difference: exit code
    1."""
    answer = door.get(at("jobs", job_id, "replay"), step_node_id=step)
    screen.show(answer, traces.replayed)
    if not (answer["verification"]["chain_valid"] and answer["verification"]["consistent"]):
        raise typer.Exit(FAILED)


@over_rest
def signal(
    door: Door,
    screen: Screen,
    job_id: JobId,
    key: Annotated[str, typer.Argument(help="The correlation key of its wait: `aetheris job JOB` shows it.")],
    payload: Annotated[Any, typer.Option(parser=json_object, metavar="JSON", help="The answer, an object.")] = "{}",
) -> None:
    """Answer what a job waits for. What asks a person is answered by `approve` and `refuse`."""
    body = {"correlation_key": key, "payload": payload}
    screen.show(door.post(at("jobs", job_id, "signal"), body), verdict)


@over_rest
def cancel(door: Door, screen: Screen, job_id: JobId, reason: Reason = "") -> None:
    """Stop a job: nothing more is started, what runs is asked to stop, what happened stays recorded."""
    screen.show(door.post(at("jobs", job_id, "stop"), {"reason": reason}), verdict)


@over_rest
def retry(door: Door, screen: Screen, job_id: JobId, reason: Reason = "") -> None:
    """Let a failed job go on where it failed; what happened is not repeated."""
    screen.show(door.post(at("jobs", job_id, "retry"), {"reason": reason}), verdict)
