"""What the demo says: one line for each recorded step, and ✓ or ✗ as the result of a check."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from examples.refund.world.model import RULES

Json = dict[str, Any]


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
        models: dict[str, str] = {}
        for event in events:
            if line := step(event, models):
                self.say(f"  [{clock(event)}] {line}")
            yield event


def _found(problems: Iterable[str]) -> list[str]:
    try:
        return list(problems)
    except (LookupError, TypeError) as error:
        return [f"the answer does not have the agreed form: {error!r}"]


def step(event: Json, models: dict[str, str]) -> str | None:
    """The line of an event, or None for one that tells nothing new. `models` keeps who answered each node."""
    node, payload = event["node_id"], event["payload"]
    match event["type"]:
        case "plan_generated":
            return "Plan Generated"
        case "tool_invocation_finished":
            return f"{node} → {payload['outcome']}{_key(payload)}"
        case "command_committed" if "llm_model" in payload:
            models[node] = payload["llm_model"]
            return None
        case "node_finished" if node in models:
            return f"{node} → {json.dumps(payload['output']['decision'])} ({_model(models[node])})"
        case "job_waiting":
            return f"{node} → StatusParked"
        case "wait_completed":
            return f"Signal received (approved={json.dumps(payload['payload']['approved'])})"
        case "job_failed":
            return f"Job failed: {payload['error']['code']}: {payload['error']['message']}"
        case _:
            return None


def clock(event: Json) -> str:
    """When it happened, on this machine's clock face."""
    return datetime.fromisoformat(event["created_at"]).astimezone().strftime("%H:%M:%S")


def _key(payload: Json) -> str:
    key = payload.get("idempotency_key")
    return f" (idempotency_key: {key})" if key else ""


def _model(name: str) -> str:
    return f"{name}: rules, not an LLM" if RULES in name else f"model: {name}"
