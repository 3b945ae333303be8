"""What agents there are, work for them, and a talk with one."""

import sys
from typing import Annotated

import typer

from aetheris.cli import completing
from aetheris.cli.door import APPROVER, Door, at
from aetheris.cli.endings import Refused
from aetheris.cli.following import follow, follow_while_it_moves, report_end
from aetheris.cli.over_rest import over_rest
from aetheris.cli.screen import Screen
from aetheris.cli.shown import jobs, operations
from aetheris.cli.shown import tools as shown
from aetheris.cli.shown.words import facts, state
from aetheris.cli.typed import Timeout
from aetheris.services import report

Agent = Annotated[
    str,
    typer.Argument(help="An agent's name, as `aetheris agent list` shows it.", autocompletion=completing.agents),
]
Priority = Annotated[int | None, typer.Option(help="From 1 (first) to 5 (last); else the agent's own.", min=1, max=5)]

agent = typer.Typer(no_args_is_help=True, help="The agents that the running instance has.")


@agent.command("list")
@over_rest
def agent_list(door: Door, screen: Screen) -> None:
    """List the agents that messages can be sent to."""
    screen.show(door.get("agents"), operations.agents)


@agent.command("create")
@over_rest(who=APPROVER)
def agent_create(
    door: Door, screen: Screen, name: Annotated[str, typer.Argument(help="The `name` of its class.")]
) -> None:
    """Make the record of an agent whose code is loaded, before its first message. New code: see `aetheris init`."""
    screen.show(door.post("agents", {"name": name}), operations.agent)


@agent.command("state")
@over_rest
def agent_state(door: Door, screen: Screen, name: Agent) -> None:
    """Say whether an agent has work, and which job is its newest."""
    screen.show(door.get(at("agents", name, "state")), operations.agent_state)


@over_rest
def tools(
    door: Door,
    screen: Screen,
    name: Annotated[str, typer.Argument(help="A tool's name; without one all are listed.")] = "",
) -> None:
    """List the tools of the running instance, or show what one declares."""
    if name:
        screen.show(door.get(at("tools", name)), shown.shown)
    else:
        screen.show(door.get("tools"), shown.listed)


@over_rest
def message(
    door: Door,
    screen: Screen,
    agent: Agent,
    text: Annotated[str, typer.Argument(metavar="MESSAGE", help="What it is to do: the goal of a new job.")],
    key: Annotated[str, typer.Option(help="Idempotency key: the same key and message give the same job.")] = "",
    priority: Priority = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow the job until it has ended.")] = False,
    timeout: Timeout = None,
) -> None:
    """Give an agent work: a message becomes a job. With --wait its events are shown as they happen."""
    answer = _send(door, agent, text, key=key, priority=priority)
    if not wait:
        screen.show(answer, lambda told: facts(job=told["job_id"], state=state(told["status"])))
        screen.say(f"Follow it: aetheris job {answer['job_id']} --follow")
        return
    screen.say(f"Job {answer['job_id']} (Ctrl-C stops watching, not the job)")
    report_end(screen, follow(door, screen, answer["job_id"], timeout))


@over_rest
def chat(door: Door, screen: Screen, agent: Agent) -> None:
    """Talk with an agent: each line is a job, and what came of it is the answer. An empty line or Ctrl-D ends it."""
    door.get(at("agents", agent, "state"))
    while line := _line(agent):
        try:
            job = follow_while_it_moves(door, screen, _send(door, agent, line)["job_id"])
            screen.show(job, jobs.shown_shortly)
        except Refused as refused:
            report.complain(refused)


def _line(agent: str) -> str:
    """What somebody types; only a terminal is asked."""
    try:
        return input(f"{agent}> " if sys.stdin.isatty() else "").strip()
    except EOFError:
        return ""


def _send(door: Door, agent: str, text: str, *, key: str = "", priority: int | None = None) -> dict[str, str]:
    body = {"message": text} | ({} if priority is None else {"priority": priority})
    path = at("agents", agent, "message")
    answer: dict[str, str] = door.post(path, body, **({"Idempotency-Key": key} if key else {}))
    return answer
