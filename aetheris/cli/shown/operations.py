"""Agents, workers, what is stuck, and the whole instance at a glance."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aetheris.cli.shown.words import facts, state, table, when


def agents(answer: dict[str, Any]) -> RenderableType:
    made = table("agent", "version", "tools", wrap=("tools",))
    for agent in answer["agents"]:
        made.add_row(agent["id"], agent["version"], ", ".join(agent["tools"]))
    return made if answer["agents"] else Text("No app with agents is loaded: `aetheris up --app NAME` loads one.")


def agent(answer: dict[str, Any]) -> RenderableType:
    return facts(agent=answer["id"], version=answer["version"], tools=", ".join(answer["tools"]))


def agent_state(answer: dict[str, Any]) -> RenderableType:
    return facts(
        agent=answer["agent_id"],
        state=state(answer["status"]),
        job=answer["current_task"],
        last_event=answer["last_checkpoint"],
        updated=when(answer["updated_at"]),
    )


def workers(answer: dict[str, Any]) -> RenderableType:
    made = table("worker", "pid", "pool", "slots", "queues", wrap=("queues",))
    for worker in answer["workers"]:
        known = (worker["name"], worker["pid"], worker["pool"], worker["slots"], ", ".join(worker["queues"]))
        made.add_row(*("–" if value is None else str(value) for value in known))
    return made if answer["workers"] else Text("No worker answers over the broker: `aetheris doctor` looks for why.")


def stuck(answer: dict[str, Any]) -> RenderableType:
    found = answer["stuck_job_ids"]
    waiting = facts(waiting_nodes=answer["queue_backlog"])
    if not found:
        return Group(Text("No job is stuck.", style="green"), waiting)
    made = table("stuck job")
    for job_id in found:
        made.add_row(job_id)
    return Group(made, waiting, Text("Look at one: aetheris trace JOB", style="dim"))


def health(answer: dict[str, Any]) -> RenderableType:
    return Text.assemble(state(answer["status"]), f"  {answer['url']}")


def monitor(answer: dict[str, Any]) -> RenderableType:
    """Status and summary, one beside the other."""
    status, summary = answer["status"], answer["summary"]
    parts = facts(
        instance=Text.assemble(state(status["status"]), f"  Aetheris {status['version']}"),
        database=Text.assemble(state(status["database"]), f"  PostgreSQL {status['versions']['postgresql']}"),
        broker=state(status["broker"]),
        sweep=Text.assemble(state(status["sweep"]), f"  {when(status['swept_at'])}"),
        agents=status["agents"],
        tools=status["tools"],
        clock=when(status["database_now"]),
    )
    jobs = table("jobs", "number")
    for name, number in summary["jobs"].items():
        jobs.add_row(state(name), str(number))
    piled = facts(
        waiting_nodes=summary["queue_backlog"],
        running_nodes=summary["nodes_running"],
        to_approve=summary["approvals_pending"],
        in_doubt=summary["resolutions_open"],
        contradictions=summary["conflicts"],
        stuck=summary["stuck"],
    )
    return Group(parts, jobs, piled)
