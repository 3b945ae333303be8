"""Meter: what a piece of work took, in time, in CPU by who used it, in commits and WAL."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from benchmarks.measure import database
from benchmarks.measure.cpu import cpu_seconds, spin
from benchmarks.measure.environ import QUICK, SERVERS

DRIVER = "driver"
IDLE_SECONDS = 3 if QUICK else 30


@dataclass(frozen=True)
class Used:
    """What was used between `begin` and `end`. The driver's CPU stands in `cpu`, but not in `cpu_seconds`: whoever
    submits is no part of the runtime."""

    seconds: float
    cpu: dict[str, float]
    transactions: int
    wal: int
    spin_ms: float

    @property
    def cpu_seconds(self) -> float:
        return sum(seconds for who, seconds in self.cpu.items() if who != DRIVER)

    def each(self, jobs: int, steps: int) -> dict[str, Any]:
        """By step, for jobs of so many steps."""
        count = jobs * steps
        return {
            "jobs": jobs,
            "steps": steps,
            "wall_s": round(self.seconds, 3),
            "steps_per_s": round(count / self.seconds, 1),
            "cpu_ms_per_step": round(1000 * self.cpu_seconds / count, 3),
            "cpu_ms_by": {who: round(1000 * seconds / count, 3) for who, seconds in self.cpu.items()},
            "commits_per_step": round(self.transactions / count, 2),
            "wal_per_step": round(self.wal / count),
            "spin_ms": self.spin_ms,
        }


class Meter:
    """Measures the servers of the run, this process, and the processes that it is told of, with all under them."""

    def __init__(self, groups: Mapping[str, Sequence[int]], *, postgres: bool = True) -> None:
        self._groups = {**groups, **{name: [pid] for name, pid in SERVERS.items() if pid}}
        self._postgres = postgres
        self._began = 0.0

    def begin(self) -> Self:
        self._spin = spin()
        self._written = self._wrote()
        self._cpu = self._used()
        self._began = time.time()
        return self

    @property
    def began(self) -> float:
        return self._began

    def end(self, at: float | None = None) -> Used:
        """What was used until now; the time that counts may have ended before (`at`)."""
        ended = at or time.time()
        cpu, written = self._used(), self._wrote()
        return Used(
            seconds=ended - self._began,
            cpu={who: round(cpu[who] - self._cpu[who], 3) for who in cpu},
            transactions=written.transactions - self._written.transactions,
            wal=written.wal - self._written.wal,
            spin_ms=self._spin,
        )

    def idle(self, seconds: float = IDLE_SECONDS) -> dict[str, float]:
        """Milliseconds of CPU a second, by who used them, while nobody asks for anything."""
        self.begin()
        time.sleep(seconds)
        used = self.end()
        return {who: round(1000 * cpu / used.seconds, 1) for who, cpu in used.cpu.items() if who != DRIVER}

    def _used(self) -> dict[str, float]:
        used = {who: cpu_seconds(pids) for who, pids in self._groups.items()}
        times = os.times()
        return {**used, DRIVER: times.user + times.system}

    def _wrote(self) -> database.Written:
        return database.written() if self._postgres else database.Written(0, 0)
