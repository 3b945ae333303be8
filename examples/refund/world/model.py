"""A model that speaks OpenAI's protocol: `POST /chat/completions`, and `GET /log` with its requests.

Without a key it is *not* an LLM but three lines of rules, and says so in its name. With `OPENAI_API_KEY` set
it hands each request on to the real API and still counts it, so the demo's claims stay witnessed.
"""

import json
import os
import time
import uuid
from decimal import Decimal
from typing import Any

from examples.refund.world.journal import Journal
from examples.refund.world.serving import Reply, Request, refusal, serve

RULES = "rules-not-an-llm"
OFFICIAL_API = "https://api.openai.com/v1"


def decide(order: dict[str, str]) -> dict[str, str]:
    """The rules in place of a model: an abnormal order or more than 500 needs a person."""
    if order["status"] != "completed" or order["issue"] != "none":
        why = f"the order is abnormal: {order['status']}, issue {order['issue']}"
        return {"decision": "approval required", "reason": why}
    if Decimal(order["amount"]) > 500:
        return {"decision": "approval required", "reason": f"the amount {order['amount']} is over 500"}
    why = f"the order is normal and its amount {order['amount']} is not over 500"
    return {"decision": "no approval required", "reason": why}


class Model:
    """Answers with the rules, or with what the real API says when there is a key for it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def answer(self, request: Request) -> Reply:
        match request.method, request.path.removeprefix("/v1"):
            case "GET", "/log":
                return Reply(200, {"requests": len(self._journal.lines())})
            case "POST", "/chat/completions":
                self._journal.append({"bytes": len(request.body)})
                key = os.environ.get("OPENAI_API_KEY")
                return _real_model(request, key) if key else _rules(request)
            case _:
                return refusal(404, "NOT_FOUND", "There are /chat/completions and /log.")


def _rules(request: Request) -> Reply:
    try:
        messages = request.json()["messages"]
        asked = next(message["content"] for message in reversed(messages) if message["role"] == "user")
        decision = decide(json.loads(asked)["order"])
    except (ValueError, ArithmeticError, LookupError, TypeError, StopIteration):
        return refusal(400, "NOT_UNDERSTOOD", 'The rules read a user message of the form {"order": {…}}.')
    return Reply(200, _completion(json.dumps(decision)))


def _completion(content: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": RULES,
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}},
        ],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }


def _real_model(request: Request, key: str) -> Reply:
    import httpx  # Only here: without a key the service starts on the standard library alone.

    base = os.environ.get("OPENAI_BASE_URL") or OFFICIAL_API
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    url = f"{base.rstrip('/')}/chat/completions"
    try:
        answer = httpx.post(url, content=request.body, headers=headers, timeout=60)
        return Reply(answer.status_code, answer.json())
    except (httpx.HTTPError, ValueError) as error:
        return refusal(502, "MODEL_UNREACHABLE", f"{url}: {error}")


if __name__ == "__main__":
    serve("model", Model(Journal.named("model")).answer)
