"""Follows one job: says each event as it is committed, and ends the command as the job ended."""

import time
from typing import Any

import typer

from aetheris.cli.door import Door
from aetheris.cli.endings import JOB_FAILED, JOB_WAITS
from aetheris.cli.screen import Screen
from aetheris.cli.shown import events
from aetheris.cli.shown.jobs import came_of, next_step

ENDED = ("completed", "failed", "cancelled")
ANSWERED_BY_PEOPLE = ("human", "approval", "resolution", "signal", "webhook", "message")
Job = dict[str, Any]


def follow(door: Door, screen: Screen, job_id: str, timeout: float | None = None, *, each_event: bool = False) -> Job:
    """The job when it has ended, or as it stands when the time is over. What it waits for is said with what to do about
    it; scripts are told events only if they want each."""
    deadline = None if timeout is None else time.monotonic() + timeout
    for event in door.events(f"jobs/{job_id}/events/stream", deadline):
        _say(screen, event, each_event=each_event)
        if _asks_people(event) and not screen.as_json:
            _say_what_to_do(door, screen, event)
    return job_of(door, job_id)


def follow_while_it_moves(door: Door, screen: Screen, job_id: str) -> Job:
    """The same, but it does not wait for people either."""
    for event in door.events(f"jobs/{job_id}/events/stream"):
        _say(screen, event, each_event=False)
        if _asks_people(event) and (job := job_of(door, job_id))["status"] in ("parked", "waiting"):
            return job
    return job_of(door, job_id)


def job_of(door: Door, job_id: str) -> Job:
    found: Job = door.get(f"jobs/{job_id}")
    return found


def end_as(job: Job) -> None:
    """Exit with the code that says how the job ended, if not well."""
    if job["status"] not in ENDED:
        raise typer.Exit(JOB_WAITS)
    if job["outcome"] != "completed":
        raise typer.Exit(JOB_FAILED)


def report_end(screen: Screen, job: Job) -> None:
    """What came of it, and the exit code that says so."""
    screen.say("")
    screen.line(job, came_of)
    end_as(job)


def _say(screen: Screen, event: Job, *, each_event: bool) -> None:
    if each_event or not screen.as_json:
        screen.line(event, events.line)


def _asks_people(event: Job) -> bool:
    return event["type"] == "job_waiting" and event["payload"]["wait_kind"] in ANSWERED_BY_PEOPLE


def _say_what_to_do(door: Door, screen: Screen, event: Job) -> None:
    """About what is still open: of a job that is followed late most is long answered."""
    job, asked = job_of(door, event["job_id"]), event["payload"]["correlation_key"]
    job["waits"] = [wait for wait in job["waits"] if wait["correlation_key"] == asked]
    for line in next_step(job) if job["waits"] else ():
        screen.say(line)
