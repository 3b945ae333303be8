"""One soak: chaos, then healing, then rest, then judgement."""

import os
import threading
import time
from collections import Counter
from datetime import UTC, datetime

from aetheris.testing.crash_matrix.verdicts import engine_commit
from tests.chaos.soak.door import Door, token
from tests.chaos.soak.evidence import Evidence, duplicates, percentile
from tests.chaos.soak.faults import schedule
from tests.chaos.soak.history import History, lines_of
from tests.chaos.soak.load import Client, Ordered
from tests.chaos.soak.nemesis import Nemesis
from tests.chaos.soak.people import Approver, Operator
from tests.chaos.soak.rig import Rig
from tests.chaos.soak.verdict import Verdict
from tests.chaos.soak.watch import Watch
from tests.docs.reading import ROOT

CLIENTS = 6
MOST_ACTIVE = 12
"""Jobs at once that neither rest nor wait: who is busy is given no more."""
REST_SECONDS = 60.0
"""After the last fault everything has come to rest within this time."""
LONGEST_PATIENCE, PATIENCE_SHARE = 30.0, 1 / 20
"""People take this part of a run to decide, and this long at most."""
TICK_SECONDS = 0.05
TOLD_SECONDS = 2.0
KILLS_A_MINUTE = 30


class Run:
    """A rig under load and faults, both from one seed."""

    def __init__(self, rig: Rig, seed: int, seconds: float) -> None:
        self._rig = rig
        self._seconds = seconds
        self._calls = History(rig.data / "calls.jsonl")
        self._faults = History(rig.data / "faults.jsonl")
        self._watch = Watch(rig.database_url)
        self._nemesis = Nemesis(rig, schedule(seed, seconds), self._faults)
        self._tokens = {user: token(rig.url, user, password) for user, password in rig.passwords().items()}
        self._ordered: Ordered = {}
        self._problems: list[str] = []
        self._chaos_is_over, self._end = threading.Event(), threading.Event()
        self._began = self._told_at = 0.0
        patience = min(LONGEST_PATIENCE, PATIENCE_SHARE * seconds)
        self._clients = [
            Client(
                (seed, number, patience),
                self._door("requester"),
                self._has_room,
                self._chaos_is_over,
                self._ordered,
                self._problems,
            )
            for number in range(CLIENTS)
        ]
        self._approver = Approver(self._door("approver"), self._ordered, self._chaos_is_over, self._end)
        self._operator = Operator(self._door("approver"), self._ordered, rig.sink_log, self._end)
        self._verdict = Verdict(seed, seconds, engine_commit(ROOT), datetime.now(UTC).isoformat(timespec="seconds"))

    def judged(self) -> Verdict:
        """Run it, and say what became of it."""
        self._began = time.monotonic()
        for thread in (self._watch, self._approver, *self._clients):
            thread.start()
        self._chaos()
        self._rest()
        self._judge()
        return self._verdict

    def _door(self, user: str) -> Door:
        return Door(self._rig.url, self._tokens[user], self._calls, self._end.is_set)

    def _has_room(self) -> bool:
        return self._watch.fresh and self._watch.standing.active < MOST_ACTIVE

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _chaos(self) -> None:
        while (now := self._now()) < self._seconds:
            self._nemesis.act(now)
            self._rig.keep(now)
            self._tell(f"{self._seconds - now:4.0f} s left")
            time.sleep(TICK_SECONDS)

    def _rest(self) -> None:
        """All faults end; what was begun must end soon, too."""
        self._chaos_is_over.set()
        self._rig.heal()
        self._operator.start()
        healed = self._now()
        while (past := self._now() - healed) < REST_SECONDS:
            self._rig.keep(self._now())
            self._tell(f"{past:4.0f} s of rest")
            if self._is_quiescent():
                self._verdict.quiescent_after = round(past, 1)
                break
            time.sleep(TICK_SECONDS)
        self._end.set()
        self._watch.stop()
        for client in self._clients:
            client.join(20)

    def _is_quiescent(self) -> bool:
        active = self._watch.standing.active or not self._watch.fresh or any(each.is_alive() for each in self._clients)
        return not active and self._rig.is_well() and not self._watch.restless(self._left_open())

    def _left_open(self) -> set[str]:
        return {job for job, order in self._ordered.items() if order.left_open}

    def _tell(self, when: str) -> None:
        if self._now() - self._told_at < TOLD_SECONDS:
            return
        self._told_at = self._now()
        now, kills, restarts = self._watch.standing, self._nemesis.kills, self._rig.restarts
        print(
            f"{when} | {now.jobs} jobs: {now.finished} finished, {now.parked} parked, {now.active} active"
            f" | {kills.total()} kills, {restarts.total()} restarts | {now.unknown} unknown",
            flush=True,
        )

    def _judge(self) -> None:
        verdict, rig = self._verdict, self._rig
        faults = lines_of(rig.data / "proxy.jsonl")
        evidence = Evidence(rig.database_url, list(self._faults))
        sent = lines_of(rig.sink_log)
        unknowns = list(evidence.unknowns())
        stuck = self._watch.restless(self._left_open())
        recoveries = evidence.recoveries()
        verdict.jobs, verdict.stuck = self._watch.standing.jobs, len(stuck)
        verdict.endings = evidence.endings
        verdict.effects, verdict.applied = evidence.effects(), sum(line["applied"] for line in sent)
        verdict.kills, verdict.restarts = dict(self._nemesis.kills), dict(rig.restarts)
        verdict.faults = dict(Counter(f"{line['front']} {line['fault']}" for line in faults) + self._other_faults())
        verdict.duplicates = len(duplicates(sent))
        verdict.lost = len(set(self._ordered) - evidence.jobs)
        verdict.unknown = dict(Counter(f"{each.effect} {each.cause}, {each.ended}" for each in unknowns))
        verdict.recovered = len(recoveries)
        verdict.recovery_p50, verdict.recovery_p99 = percentile(recoveries, 0.5), percentile(recoveries, 0.99)
        verdict.problems = [
            *self._problems,
            *(f"applied twice: {step}" for step in duplicates(sent)),
            *(f"stuck: {job}" for job in stuck),
            *(f"failed: {job}" for job in evidence.failed),
            *(f"unexplained: {each}" for each in unknowns if not each.is_explained),
            *(f"not as booked: {each}" for each in evidence.wrongly_booked),
            *self._violations(),
        ]
        if self._nemesis.kills.total() < KILLS_A_MINUTE * self._seconds / 60:
            verdict.problems.append("too few kills to say anything")

    def _other_faults(self) -> Counter[str]:
        return Counter(line["what"] for line in self._faults if line["what"] != "kill")

    def _violations(self) -> list[str]:
        """What the checker finds, on PostgreSQL itself."""
        os.environ.update({**self._rig.environ, "AETHERIS_DATABASE_URL": self._rig.database_url})
        import django

        django.setup()
        from aetheris.testing.invariants import calls_in, sent_in, violations

        found = violations(
            sent_in(self._rig.sink_log),
            calls_in(self._rig.data / "calls.jsonl"),
            healed=self._verdict.quiescent_after is not None,
        )
        return [f"{each.invariant} {each.job}: {each.what}" for each in found]
