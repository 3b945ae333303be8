"""Jobs on a terminal: the list, and one with its nodes and what it waits for."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aetheris.cli.shown.words import facts, lasted, outcome, short, state, table, when


def listed(answer: dict[str, Any]) -> RenderableType:
    jobs = table("id", "agent", "state", "created", "goal")
    for job in answer["jobs"]:
        status = state(job["status"], job["outcome"])
        jobs.add_row(job["id"], job["agent_id"], status, when(job["created_at"]), short(job["goal"], 80))
    more = answer["next_cursor"]
    return Group(jobs, Text(f"There are more: --cursor {more}", style="dim")) if more else jobs


def shown(job: dict[str, Any]) -> RenderableType:
    nodes = table("node", "type", "state", "output", wrap=("output",))
    for node in job["nodes"]:
        said = outcome(node["error"], node["output"]) or _due(node)
        nodes.add_row(node["id"], node["type"], state(node["status"], _ending(node)), said)
    return Group(nodes, came_of(job))


def came_of(job: dict[str, Any]) -> RenderableType:
    """How it stands, without its nodes: what they did was told before."""
    known = facts(
        job=job["id"],
        agent=job["agent_id"],
        goal=job["goal"],
        state=state(job["status"], job["outcome"]),
        asked_by=job["requested_by"],
        created=when(job["created_at"]),
        took=lasted(job["created_at"], job["finished_at"]),
        contradictions=job["conflicts"] or "",
        result=job["result"],
        error=outcome(job["error"], None),
    )
    why = job["why"] if job["status"] in _LOOK else ()
    return Group(known, *(_wait(wait) for wait in job["waits"]), *map(_why, why), *next_step(job))


def _ending(node: dict[str, Any]) -> str:
    return "" if node["ending"] in ("success", "error") else str(node["ending"])


def _due(node: dict[str, Any]) -> str:
    again = f", tries so far: {node['tries']}" if node["tries"] else ""
    return f"in the queue {node['queue']}{again}" if node["status"] == "ready" else ""


def _wait(wait: dict[str, Any]) -> RenderableType:
    until = f", until {when(wait['expires_at'])}" if wait["expires_at"] else ""
    key = Text(wait["correlation_key"], style="bold")
    return Text.assemble(f"Waits for {wait['wait_kind']}: {wait['reason']} (key ", key, f"){until}")


def _why(reason: dict[str, Any]) -> RenderableType:
    """Why a node that waits for nobody has not begun yet."""
    until = f" at {when(reason['until'])}" if reason["until"] else ""
    waits_for = reason["waits_for"][:1].lower() + reason["waits_for"][1:]
    return Text(f"{reason['node_id'] or 'The job'} waits for {waits_for}{until}: {reason['about']}")


def next_step(job: dict[str, Any]) -> list[RenderableType]:
    """What can be done about a job that waits or has failed, or where to see what it waits for."""
    said = [
        _ANSWER[wait["wait_kind"]].format(job=job["id"], **wait)
        for wait in job["waits"]
        if wait["wait_kind"] in _ANSWER
    ]
    if job["status"] in _LOOK:
        said.append(_LOOK[job["status"]].format(job=job["id"]))
    return [Text(line, style="dim") for line in said]


_ANSWER = {
    "human": "Decide: aetheris approve {job}, or aetheris refuse {job}",
    "approval": "Decide: aetheris approve {job}, or aetheris refuse {job}",
    "resolution": "Look outside, then say what happened: aetheris resolve {job} --help",
    "signal": "Answer: aetheris signal {job} {correlation_key} --payload '{{}}'",
    "webhook": "Answer: aetheris signal {job} {correlation_key} --payload '{{}}'",
}

_LOOK = {
    "pending": "Who serves which queue: aetheris workers",
    "retrying": "See it go on: aetheris job {job} --follow",
    "failed": "Try again what failed: aetheris retry {job}",
}


def shown_shortly(job: dict[str, Any]) -> RenderableType:
    """What came of it, or what it waits for: the answer in a talk."""
    known = facts(**{job["agent_id"]: job["result"], job["status"]: outcome(job["error"], None)})
    return Group(known, *(_wait(wait) for wait in job["waits"]), *next_step(job))
