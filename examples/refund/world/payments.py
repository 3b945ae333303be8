"""The payment provider: `POST /refunds` with an `Idempotency-Key`, `GET /refunds/<key>`, `GET /log`, and a hold.

Its log is all the memory it has: each request is a line on the disk before its answer leaves, and a provider
that was killed reads the lines again and knows every key that it has honoured. After `PUT /hold` it answers the next
refund only once `DELETE /hold` has come, though it has logged and applied it: a moment to kill the caller in.
"""

import hashlib
import json
import uuid
from threading import Event, Lock
from typing import Any
from urllib.parse import unquote

from examples.refund.world.journal import Journal, Line
from examples.refund.world.serving import Reply, Request, refusal, serve

LOOKED_UP = "looked up"
LONGEST_HOLD_SECONDS = 20
"""Whoever asked for a hold may have been killed."""


class PaymentProvider:
    """Applies a key once, for ever. The same request again gets the first answer, another one 409."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._deciding = Lock()
        self._holds_next = False
        self._released = Event()
        self._applied: dict[str, Line] = {line["key"]: line for line in journal.lines() if _is_applied(line)}

    def answer(self, request: Request) -> Reply:
        match request.method, request.path:
            case "GET", "/log":
                return Reply(200, self._log())
            case "POST", "/refunds":
                return self._held(self._refund(request))
            case "GET", path if path.startswith("/refunds/"):
                return self._look_up(unquote(path.removeprefix("/refunds/")))
            case "PUT", "/hold":
                return self._hold(next_one=True)
            case "DELETE", "/hold":
                return self._hold(next_one=False)
            case _:
                return refusal(404, "NOT_FOUND", "There are /refunds, /refunds/<key>, /log and /hold.")

    def _refund(self, request: Request) -> Reply:
        key = request.headers.get("Idempotency-Key", "")
        order = _readable(request)
        seen = {"key": key, "body_sha256": _digest(order), **order}
        # Look-up and record are one step: of two requests with one key at once, one applies.
        with self._deciding:
            if problem := _problem(key, order):
                self._journal.append({**seen, "outcome": "refused"})
                return refusal(400, "INVALID_REFUND", problem)
            first = self._applied.get(key)
            if first is None:
                return Reply(200, self._apply(key, seen))
            if first["body_sha256"] != seen["body_sha256"]:
                self._journal.append({**seen, "outcome": "conflict"})
                return refusal(409, "KEY_REUSED", "This key already stands for another refund.")
            self._journal.append({**seen, "outcome": "replayed"})
            return Reply(200, first["answer"])

    def _apply(self, key: str, seen: Line) -> Line:
        answer = {"refund_id": f"refund-{uuid.uuid4().hex[:12]}", "status": "success"}
        self._applied[key] = self._journal.append({**seen, "outcome": "applied", "answer": answer})
        return answer

    def _hold(self, *, next_one: bool) -> Reply:
        with self._deciding:
            self._holds_next = next_one
        if next_one:
            self._released.clear()
        else:
            self._released.set()
        return Reply(200, {"hold": next_one})

    def _held(self, reply: Reply) -> Reply:
        with self._deciding:
            held, self._holds_next = self._holds_next, False
        if held:
            self._released.wait(LONGEST_HOLD_SECONDS)
        return reply

    def _look_up(self, key: str) -> Reply:
        with self._deciding:
            first = self._applied.get(key)
            self._journal.append({"key": key, "outcome": LOOKED_UP, "found": first is not None})
        if first is None:
            return refusal(404, "REFUND_NOT_FOUND", "No refund was made under this key.")
        return Reply(200, first["answer"])

    def _log(self) -> dict[str, object]:
        everything = self._journal.lines()
        lines = [line for line in everything if line["outcome"] != LOOKED_UP]
        return {
            "requests": len(lines),
            "keys": len({line["key"] for line in lines}),
            "applied": sum(_is_applied(line) for line in lines),
            "lines": lines,
            "look_ups": [line for line in everything if line["outcome"] == LOOKED_UP],
        }


def _is_applied(line: Line) -> bool:
    return bool(line["outcome"] == "applied")


def _readable(request: Request) -> dict[str, Any]:
    """The two fields that the provider reads; what is missing or unreadable is None."""
    try:
        body = request.json()
    except ValueError:
        body = None
    fields = body if isinstance(body, dict) else {}
    return {"order_id": fields.get("order_id"), "amount_cents": fields.get("amount_cents")}


def _problem(key: str, order: dict[str, Any]) -> str:
    if not key:
        return "A refund needs the header Idempotency-Key."
    if not isinstance(order["order_id"], str):
        return "order_id must be a text."
    if type(order["amount_cents"]) is not int or order["amount_cents"] <= 0:
        return "amount_cents must be a positive whole number."
    return ""


def _digest(order: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(order, sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    serve("payments", PaymentProvider(Journal.named("payments")).answer)
