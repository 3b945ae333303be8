"""What the demo says: one line for each recorded step, and ✓ or ✗ as the result of a check."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from examples.refund.world.model import RULES

Json = dict[str, Any]
ENDINGS = {"pure": "success", "skipped": "skipped"}
"""How a node ends that called nothing; the others have an event of their own for the call."""


class Broken(Exception):
    """A check failed, and without what it checks the demo cannot go on."""


class Story:
    """Prints as it goes and remembers whether anything was wrong."""

    def __init__(self) -> None:
        self.all_well = True

    def say(self, text: str = "") -> None:
        print(text, flush=True)

    def check(self, claim: str, problems: Iterable[str]) -> bool:
        """✓ when the check found nothing; ✗ with each thing that it found otherwise."""
        found = _found(problems)
        self.say(f"{'✗' if found else '✓'} {claim}")
        for problem in found:
            self.say(f"    {problem}")
        self.all_well = self.all_well and not found
        return not found

    def require(self, claim: str, problems: Iterable[str]) -> None:
        """A check that the rest stands on. Raises `Broken` when it finds something."""
        if not self.check(claim, problems):
            raise Broken(claim)

    def steps(self, events: Iterable[Json]) -> Iterator[Json]:
        """Print the line of each event that has one, and hand every event on."""
        for event in events:
            if line := step(event):
                self.say(f"  [{clock(event['created_at'])}] {line}")
            yield event


def _found(problems: Iterable[str]) -> list[str]:
    try:
        return list(problems)
    except (LookupError, TypeError, ValueError) as error:
        return [f"the answer does not have the agreed form: {error!r}"]


def step(event: Json) -> str | None:
    """The line of an event, or None for one that tells nothing new."""
    tell = LINES.get(event["type"])
    return tell(event["node_id"], event["payload"]) if tell else None


def _called(node: str, said: Json) -> str:
    """What became of a call of a tool; `.reconcile` is the call by which one asks its provider."""
    if said["tool_name"].endswith(".reconcile"):
        return f"{node}: the provider was asked → {said.get('result', {}).get('finding', 'no answer')}"
    return f"{node} → {said['outcome']}{_key(said.get('result'))}"


def _asked(node: str, said: Json) -> str | None:
    if said["outcome"] != "success":
        return None
    result = said["result"]
    return f"{node} → {json.dumps(result['answer']['decision'])} ({_model(result['llm_model'])})"


def _ended(node: str, said: Json) -> str | None:
    ending = ENDINGS.get(said["result_type"])
    return f"{node} → {ending}" if ending else None


LINES: dict[str, Callable[[str, Json], str | None]] = {
    "plan_generated": lambda node, said: "Plan Generated",
    "tool_invocation_finished": _called,
    "llm_invocation_finished": _asked,
    "node_finished": _ended,
    "node_reclaimed": lambda node, said: f"{node} → its worker was lost, another one takes it",
    "node_retrying": lambda node, said: f"{node} → will be tried again",
    "job_waiting": lambda node, said: f"{node} → StatusParked",
    "wait_completed": lambda node, said: f"Signal received (approved={json.dumps(said['payload']['approved'])})",
    "effect_resolved": lambda node, said: f"{node}: {name(said['decided_by'])} says → {said['resolution']}",
    "job_failed": lambda node, said: f"Job failed: {said['error']['code']}: {said['error']['message']}",
}
"""Event type → its line, from its node and its payload."""


def clock(moment: str) -> str:
    """A moment on this machine's clock face."""
    return datetime.fromisoformat(moment).astimezone().strftime("%H:%M:%S")


def name(principal: str) -> str:
    """What somebody is called who is recorded as `user:3/approver`."""
    return principal.partition("/")[2]


def _key(result: object) -> str:
    """The idempotency key that a tool says it sent."""
    key = result.get("idempotency_key") if isinstance(result, dict) else None
    return f" (idempotency_key: {key})" if key else ""


def _model(name: str) -> str:
    return f"{name}: rules, not an LLM" if RULES in name else f"model: {name}"
