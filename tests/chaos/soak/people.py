"""Robots in people's places: one decides about refunds, one finds out what became of effects in doubt."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.soak.door import Door, GivenUp, Json
from tests.chaos.soak.history import lines_of
from tests.chaos.soak.load import Ordered

LOOK_SECONDS = 1.0
DID_NOT: Json = {"resolution": "did_not_happen", "reason": "not in the provider's list"}


class Approver(threading.Thread):
    """Decides as the order says, as late as it says; once the chaos is over, at once."""

    def __init__(self, door: Door, ordered: Ordered, chaos_is_over: threading.Event, end: threading.Event) -> None:
        super().__init__(name="approver", daemon=True)
        self._door = door
        self._ordered = ordered
        self._chaos_is_over = chaos_is_over
        self._end = end

    def run(self) -> None:
        while not self._end.wait(LOOK_SECONDS):
            for approval in self._door.listed("approvals", status="pending"):
                self._decide(approval)

    def _decide(self, approval: Json) -> None:
        order = self._ordered.get(approval["job_id"])
        if order is None:
            return
        asked = datetime.fromisoformat(approval["requested_at"]).timestamp()
        if self._chaos_is_over.is_set() or time.time() >= asked + order.after:
            try:
                self._door.signal(approval["job_id"], approval["correlation_key"], {"approved": order.agrees})
            except GivenUp:
                self._end.set()


class Operator(threading.Thread):
    """Answers what is asked about unknown effects by the sink's log, from the moment on at which that can be known.

    Some orders' questions are nobody's: they are left open.
    """

    def __init__(self, door: Door, ordered: Ordered, sink_log: Path, end: threading.Event) -> None:
        super().__init__(name="operator", daemon=True)
        self._door = door
        self._ordered = ordered
        self._sink_log = sink_log
        self._end = end

    def run(self) -> None:
        while not self._end.wait(LOOK_SECONDS):
            for question in self._door.listed("resolutions"):
                order = self._ordered.get(question["job_id"])
                if order is not None and not order.left_open:
                    self._answer(question)

    def _answer(self, question: Json) -> None:
        key = question["idempotency_key"]
        settled = datetime.fromisoformat(question["settled_by"]) < datetime.now(UTC)
        found = [line for line in lines_of(self._sink_log) if line["key"] == key and line["applied"]]
        if not (found or settled):
            return
        answer = {"resolution": "happened", "result": {"effect": found[0]["effect"]}} if found else DID_NOT
        try:
            self._door.resolve(question["job_id"], question["correlation_key"], answer)
        except GivenUp:
            self._end.set()
