"""A trace as a tree, and a replay as a verdict."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from aetheris.cli.shown.words import facts, lasted, outcome, short, state, table, text


def tree(answer: dict[str, Any]) -> RenderableType:
    root = answer["execution_tree"]
    if root is None:
        return Text("Nothing is recorded yet.")
    made = Tree(Text.assemble((f"job {answer['job_id']}", "bold"), "  ", _how(root)))
    made.add(Text(f"goal {short(root['input'])}", style="dim"))
    steps = {step["span_id"]: step for step in answer["steps"]}
    for span in root["children"]:
        _step(made, span, steps[span["span_id"]])
    return made


def _step(above: Tree, span: dict[str, Any], step: dict[str, Any]) -> None:
    """A node, and under it the calls that it made; what it waited for is told on the node itself."""
    here = above.add(Text.assemble((span["node_id"], "bold"), "  ", _how(span)))
    if step["worker_lost"]:
        here.add(Text(f"its worker was lost: {step['reason']}", style="red"))
    calls = [child for child in span["children"] if child["type"] != "wait"]
    for call in calls:
        below = here.add(Text.assemble((f"{call['type']} ", "dim"), (call["tool_name"], "bold"), "  ", _how(call)))
        if call["sends"] > 1:
            below.add(Text(f"send {call['sends']} under one key", style="yellow"))
        _values(below, {"in": call["input"], "out": call["output"]})
    told = step["reasoning_snapshot"]
    if not step["worker_lost"]:
        _values(here, {"because": step["reason"]})
    if not calls:
        _values(here, {"in": span["input"]})
    out = told["output"] if step["answer"] is None and not calls else step["answer"]
    _values(here, {"out": out, "by": ", ".join(step["answered_by"])})
    if told["error"]:
        here.add(Text(outcome(told["error"], None), style="red"))


def _values(above: Tree, values: dict[str, Any]) -> None:
    for label, value in values.items():
        if value not in (None, ""):
            above.add(Text(f"{label:<3} {short(value)}", style="dim"))


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
