"""What the demo says: one line for each recorded step, and ✓ or ✗ as the result of a check."""

import json
from collections.abc import Iterable, Iterator
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
                self.say(f"  [{clock(event)}] {line}")
            yield event


def _found(problems: Iterable[str]) -> list[str]:
    try:
        return list(problems)
    except (LookupError, TypeError) as error:
        return [f"the answer does not have the agreed form: {error!r}"]


def step(event: Json) -> str | None:
    """The line of an event, or None for one that tells nothing new."""
    node, payload = event["node_id"], event["payload"]
    match event["type"]:
        case "plan_generated":
            return "Plan Generated"
        case "tool_invocation_finished":
            return f"{node} → {payload['outcome']}{_key(payload.get('result'))}"
        case "llm_invocation_finished" if payload["outcome"] == "success":
            answer = payload["result"]["answer"]
            return f"{node} → {json.dumps(answer['decision'])} ({_model(payload['result']['llm_model'])})"
        case "node_finished" if payload["result_type"] in ENDINGS:
            return f"{node} → {ENDINGS[payload['result_type']]}"
        case "node_retrying":
            return f"{node} → will be tried again"
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


def _key(result: object) -> str:
    """The idempotency key that a tool says it sent."""
    key = result.get("idempotency_key") if isinstance(result, dict) else None
    return f" (idempotency_key: {key})" if key else ""


def _model(name: str) -> str:
    return f"{name}: rules, not an LLM" if RULES in name else f"model: {name}"
