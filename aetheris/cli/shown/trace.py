"""A trace as a tree, and a replay as a verdict."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from aetheris.cli.shown.words import facts, lasted, short, state, table, text


def tree(answer: dict[str, Any]) -> RenderableType:
    root = answer["execution_tree"]
    if root is None:
        return Text("Nothing is recorded yet.")
    made = Tree(Text.assemble((f"job {answer['job_id']}", "bold"), "  ", _how(root)))
    made.add(Text(f"goal {short(root['input'])}", style="dim"))
    reasons = {step["span_id"]: step["reason"] for step in answer["steps"] if step["reason"]}
    for child in root["children"]:
        _grow(made, child, reasons)
    return made


def _grow(above: Tree, span: dict[str, Any], reasons: dict[str, str]) -> None:
    what, name = ("", span["node_id"]) if span["type"] in ("plan", "node") else (span["type"], span["tool_name"] or "")
    here = above.add(Text.assemble((f"{what} ".lstrip(), "dim"), (name, "bold"), "  ", _how(span)))
    if reason := reasons.get(span["span_id"]):
        here.add(Text(f"because {reason}", style="dim"))
    given_below = span["input"] in [child["input"] for child in span["children"]]
    for label, value in (("in ", None if given_below else span["input"]), ("out", span["output"])):
        if value is not None:
            here.add(Text(f"{label} {short(value)}", style="dim"))
    for child in span["children"]:
        _grow(here, child, reasons)


def _how(span: dict[str, Any]) -> Text:
    return Text.assemble(state(span["state"]), (f"  {lasted(span['start'], span['end'])}", "dim"))


def replayed(answer: dict[str, Any]) -> RenderableType:
    """What the events alone amount to, and whether the records agree."""
    now, proof = answer["current_state"], answer["verification"]
    nodes = table("node", "result", wrap=("result",))
    for name, result in answer["payload_results"].items():
        nodes.add_row(name, short(result))
    said: list[RenderableType] = [
        facts(job=answer["job_id"], state=state(now["status"], now["outcome"]), events=len(answer["events"])),
        nodes,
        _judged(proof["chain_valid"], "the chain of events is whole", f"the chain is broken at {proof['broken_at']}"),
        _judged(proof["consistent"], "events and records agree", "events and records differ:"),
        *(Text(f"  {text(difference)}") for difference in proof["differences"]),
        Text("Nothing was called.", style="dim"),
    ]
    if step := answer.get("step_replay"):
        said.append(facts(before=step["state_at_step"], **{step["step_node_id"]: step["step_result"]}))
    return Group(*said)


def _judged(holds: bool, yes: str, no: str) -> Text:
    return Text(f"✓ {yes}", style="green") if holds else Text(f"✗ {no}", style="bold red")
