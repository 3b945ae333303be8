"""What people are asked: approvals, and effects in doubt."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aetheris.cli.shown.words import facts, short, state, text, when


def approvals(answer: dict[str, Any]) -> RenderableType:
    return _each(answer, "approvals", _approval, "Nobody has to decide anything.")


def resolutions(answer: dict[str, Any]) -> RenderableType:
    return _each(answer, "resolutions", _resolution, "No effect is in doubt.")


def _each(answer: dict[str, Any], what: str, shown: Any, none: str) -> RenderableType:
    found: list[RenderableType] = []
    for question in answer[what]:
        found += [*shown(question), Text("")]
    if answer["next_cursor"]:
        found.append(Text(f"There are more: --cursor {answer['next_cursor']}", style="dim"))
    return Group(*found) if found else Text(none)


def _approval(asked: dict[str, Any]) -> list[RenderableType]:
    known = facts(
        approval=asked["id"],
        job=f"{asked['job_id']} of {asked['agent_id']}",
        state=state(asked["status"]),
        asked_by=asked["requested_by"],
        reason=asked["reason"],
        call=f"{asked['tool']} {text(asked['arguments'])}" if asked["tool"] else "",
        until=when(asked["expires_at"]),
        decided_by=asked["decided_by"],
        because=asked["decision_reason"],
    )
    if asked["status"] != "pending":
        return [known]
    return [known, Text(f"Decide: aetheris approve {asked['id']}, or aetheris refuse {asked['id']}", style="dim")]


def decided(asked: dict[str, Any]) -> str:
    """What was said about it, by whom and when."""
    because = f": {asked['decision_reason']}" if asked["decision_reason"] else ""
    return f"It was {asked['status']} by {asked['decided_by']} at {when(asked['decided_at'])}{because}"


def _resolution(asked: dict[str, Any]) -> list[RenderableType]:
    known = facts(
        job=f"{asked['job_id']} of {asked['agent_id']}",
        node=asked["node_id"],
        state=state(asked["status"]),
        question=asked["reason"],
        call=f"{asked['tool']} {text(asked['arguments'])}",
        key=asked["idempotency_key"],
        sent=f"{asked['sends']} times, first {when(asked['first_sent_at'])}",
        settled=when(asked["settled_by"]),
        proposed_by=asked["proposed_by"],
        answer=asked["resolution"],
        resolved_by=asked["resolved_by"],
    )
    answers = [Text(_answer(asked, possible), style="dim") for possible in asked["answers"]]
    return [known, *answers]


def _answer(asked: dict[str, Any], possible: dict[str, Any]) -> str:
    name = possible["resolution"]
    result = " --result '…'" if name == "happened" else ""
    later = f"  (not before {when(possible['not_before'])})" if possible["not_before"] else ""
    return short(f"Say: aetheris resolve {asked['job_id']} {name}{result}{later}")
