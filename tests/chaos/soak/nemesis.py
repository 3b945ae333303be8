"""Does the faults of the schedule to the rig when their time has come, and what ends them."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from signal import SIGCONT, SIGQUIT, SIGSTOP
from typing import Any, TypeVar

import redis

from tests.chaos.soak.doorbells import Thief
from tests.chaos.soak.faults import Fault
from tests.chaos.soak.history import History
from tests.chaos.soak.rig import Rig

T = TypeVar("T")
Deed = Callable[[], None]


class Nemesis:
    """`kills` counts the processes that were there to be killed, by kind."""

    def __init__(self, rig: Rig, faults: Iterable[Fault], history: History) -> None:
        self.kills: Counter[str] = Counter()
        self._rig = rig
        self._history = history
        self._order = count()
        self._ahead: list[tuple[float, int, Deed]] = []
        for fault in faults:
            self._later(fault.at, lambda fault=fault: self._do(fault))  # type: ignore[misc]
        self._now = 0.0

    def act(self, now: float) -> None:
        """Do all whose time has come; `now` is in seconds from the beginning."""
        self._now = now
        while self._ahead and self._ahead[0][0] <= now:
            heapq.heappop(self._ahead)[2]()

    def _later(self, at: float, deed: Deed) -> None:
        heapq.heappush(self._ahead, (at, next(self._order), deed))

    def _do(self, fault: Fault) -> None:
        getattr(self, f"_do_{fault.kind}")(**fault.how)

    def _kill(self, kind: str, pids: list[int]) -> bool:
        """Kill these processes and what they have forked; whether anybody was there."""
        killed = self._rig.strike(pids)
        if killed:
            self.kills[kind] += 1
            self._history.note("kill", kind=kind, pids=killed)
        return bool(killed)

    def _do_child_kill(self, pick: float) -> None:
        if children := self._rig.children("prefork"):
            self._kill("prefork child", [picked(children, pick)])

    def _do_worker_kill(self, pick: float) -> None:
        name = picked(self._rig.workers(), pick)
        self._kill("prefork worker" if name == "prefork" else "thread worker", self._rig.group(name))

    def _do_worker_stop(self, pick: float, seconds: float) -> None:
        name = picked(self._rig.workers(), pick)
        if stopped := self._rig.strike(self._rig.group(name), SIGSTOP):
            self._history.note("stop", pids=stopped, seconds=seconds)
            self._later(self._now + seconds, lambda: self._go_on(stopped))

    def _go_on(self, stopped: list[int]) -> None:
        self._rig.strike(stopped, SIGCONT)

    def _do_web_kill(self) -> None:
        self._kill("web", self._rig.group("web"))

    def _do_beat_kill(self) -> None:
        self._kill("beat", self._rig.group("beat"))

    def _do_broker_kill(self, *, wiped: bool) -> None:
        if self._kill("broker and its data" if wiped else "broker", self._rig.group("valkey")) and wiped:
            self._rig.wipe_broker()

    def _do_broker_flush(self) -> None:
        try:
            with redis.Redis(unix_socket_path=self._rig.broker_socket, socket_timeout=1) as broker:
                broker.flushall()
                self._history.note("flush")
        except redis.RedisError:
            self._history.note("flush", failed=True)

    def _do_database_stop(self, seconds: float) -> None:
        """As `pg_ctl stop -m immediate` does it."""
        if stopped := self._rig.strike([self._rig.pid("postgres")], SIGQUIT):
            self._rig.hold("postgres", self._now + seconds)
            self.kills["database, immediate stop"] += 1
            self._history.note("kill", kind="database, immediate stop", pids=stopped, seconds=seconds)

    def _do_database_kill(self) -> None:
        self._kill("database, -9", [self._rig.pid("postgres")])

    def _do_reset(self, front: str, pick: float) -> None:
        self._rig.proxy.order(front, "reset", pick=pick)

    def _do_stall(self, front: str, **how: Any) -> None:
        self._rig.proxy.order(front, "stall", **how)

    def _do_commit_cut(self, when: str, skip: int) -> None:
        self._rig.proxy.order("db", "cut_commit", when=when, skip=skip)

    def _do_doorbells(self, *, doubled: bool, seconds: float) -> None:
        Thief(self._rig.broker_socket, self._history, doubled=doubled, seconds=seconds).start()


def picked(listed: list[T], pick: float) -> T:
    return listed[int(pick * len(listed))]
