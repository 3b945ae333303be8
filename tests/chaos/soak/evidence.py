"""What the rows tell about faults: how soon lost work was taken up again, and why an effect became unknown."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.chaos.soak.history import Line

CLAIMS = """
    SELECT job_id::text || ' ' || node, type, actor, extract(epoch FROM at)::float
      FROM ledger_event WHERE type IN ('node_started', 'node_reclaimed') ORDER BY job_id, seq"""
EFFECTS = """
    SELECT event.payload::json ->> 'invocation_id', event.type, event.actor, extract(epoch FROM event.at)::float,
           event.payload::json ->> 'outcome', event.payload::json ->> 'decided_by'
      FROM ledger_event AS event
     WHERE event.type IN ('tool_invocation_started', 'tool_invocation_finished', 'effect_resolved')
     ORDER BY event.job_id, event.seq"""
ENDINGS = "SELECT id::text, ending FROM jobs_job"
FAILED = "SELECT id::text || ' ' || error FROM jobs_job WHERE ending = 'failed' AND error::json ->> 'code' <> %s"
TOLD_SO = "DID_NOT_HAPPEN"
"""The one reason for which a job may fail: the operator said so."""
ENTRIES = "SELECT idempotency_key, effect, state FROM ledger_entry"
BOOKED = """
    SELECT job_id || ' ' || node FROM ledger_entry AS entry WHERE tool = 'booked'
     GROUP BY job_id, node HAVING bool_or(state = 'committed')::int <> (
           SELECT count(*) FROM auth_group WHERE name LIKE entry.job_id || ' ' || entry.node || ' %')"""
"""Steps whose rows are not exactly one where the ledger says that it happened, and none where it did not."""
REMEMBERED_SECONDS = 60.0
"""How long after it was asked about an effect the death of its sender explains that it never answered."""


@dataclass(frozen=True)
class Unknown:
    """An effect that was UNKNOWN for a while or still is. `cause`: `killed` between the commit that opened it and the
    one that would have recorded its answer; `stopped` for longer than its lease; else nothing is known."""

    key: str
    effect: str
    cause: str
    ended: str
    """Who answered the question: `late fact`, `operator`, or `open`."""

    @property
    def is_explained(self) -> bool:
        return self.effect == "once" and (self.cause == "killed" or self.ended == "late fact")


class Evidence:
    """Reads the database at the end of a run."""

    def __init__(self, database_url: str, faults: list[Line]) -> None:
        with psycopg.connect(database_url) as connection:
            self._claims = connection.execute(CLAIMS).fetchall()
            self._effects = connection.execute(EFFECTS).fetchall()
            self._entries = {key: (effect, state) for key, effect, state in connection.execute(ENTRIES)}
            endings: dict[str, str] = dict(connection.execute(ENDINGS).fetchall())
            self.failed = [job for (job,) in connection.execute(FAILED, [TOLD_SO])]
            self.wrongly_booked = [key for (key,) in connection.execute(BOOKED)]
        self.jobs = set(endings)
        self.endings = dict(Counter(ending or "waiting for an answer" for ending in endings.values()))
        self._hits: dict[int, list[Line]] = {}
        for fault in faults:
            for pid in fault.get("pids", []):
                self._hits.setdefault(pid, []).append(fault)

    def recoveries(self) -> list[float]:
        """Seconds from the kill of whoever ran a node to its next claim, in order of length."""
        return sorted(self._recoveries())

    def _recoveries(self) -> Iterator[float]:
        started: dict[str, tuple[int, float]] = {}
        killed: dict[str, float] = {}
        for node, type, actor, at in self._claims:
            if type == "node_started":
                if node in killed:
                    yield at - killed.pop(node)
                started[node] = (_pid(actor), at)
            elif kill := self._hit("kill", *started[node], at):
                killed[node] = kill["at"]

    def unknowns(self) -> Iterator[Unknown]:
        """Each effect that anybody was ever asked about."""
        opened: dict[str, tuple[int, float]] = {}
        asked: dict[str, tuple[str, str]] = {}
        for key, type, actor, at, outcome, decided_by in self._effects:
            if type == "tool_invocation_started":
                opened[key] = (_pid(actor), at)
            elif outcome == "unknown":
                asked[key] = (self._cause(*opened[key], at), "open")
            elif type == "effect_resolved" and key in asked:
                asked[key] = (asked[key][0], "late fact" if decided_by.startswith("engine:") else "operator")
        for key, (cause, ended) in asked.items():
            yield Unknown(key, self._entries[key][0], cause, ended)

    def effects(self) -> dict[str, int]:
        """How many entries were committed, by effect class."""
        committed = [effect for effect, state in self._entries.values() if state == "committed"]
        return {effect: committed.count(effect) for effect in sorted(set(committed))}

    def _cause(self, pid: int, opened: float, asked: float) -> str:
        if self._hit("kill", pid, opened, asked + REMEMBERED_SECONDS):
            return "killed"
        return "stopped" if self._hit("stop", pid, opened, asked) else "not known"

    def _hit(self, what: str, pid: int, since: float, until: float) -> Line | None:
        """The fault that hit a process in that time."""
        hits = (fault for fault in self._hits.get(pid, []) if fault["what"] == what)
        return next((fault for fault in hits if since <= fault["at"] <= until), None)


def _pid(actor: str) -> int:
    """Of the process that an event's actor is: `engine:<host>:<pid>/engine`."""
    return int(actor.partition("/")[0].rpartition(":")[2])


def percentile(sorted_values: list[float], share: float) -> float | None:
    """The value that this share of all does not exceed."""
    if not sorted_values:
        return None
    return round(sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))], 1)


def duplicates(sent: list[dict[str, Any]]) -> list[str]:
    """Steps of jobs that were applied more than once outside, under whatever keys."""
    applied = Counter(f"{line['body']['job']} {line['body']['step']}" for line in sent if line["applied"])
    return sorted(step for step, times in applied.items() if times > 1)
