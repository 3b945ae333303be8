"""Meter: what a piece of work took, in time, in CPU by who used it, in commits and WAL."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from benchmarks.measure import database
from benchmarks.measure.cpu import cpu_seconds, memory
from benchmarks.measure.environ import QUICK, SCRATCH, SERVERS
from benchmarks.measure.moment import flush, spin

DRIVER = "driver"
IDLE_SECONDS = 1 if QUICK else 30


@dataclass(frozen=True)
class Used:
    """What was used between `begin` and `end`. The driver's CPU stands in `cpu`, but not in `cpu_seconds`: whoever
    submits is no part of the runtime."""

    seconds: float
    cpu: dict[str, float]
    transactions: int
    wal: int
    moment: dict[str, float]

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
            **self.moment,
        }


class Meter:
    """Measures the servers of the run, this process, and the processes that it is told of, with all under them."""

    def __init__(self, groups: Mapping[str, Sequence[int]], *, postgres: bool = True) -> None:
        self._groups = {**groups, **{name: [pid] for name, pid in SERVERS.items() if pid}}
        self._postgres = postgres
        self._began = 0.0

    def begin(self) -> Self:
        self._moment = {"spin_ms": spin(), "flush_ms": flush(SCRATCH)}
        self._written = self._wrote()
        self._cpu = self._used()
        self._began = time.time()
        return self

    def end(self, at: float | None = None) -> Used:
        """What was used until now; the time that counts may have ended before (`at`)."""
        ended = at or time.time()
        cpu, written = self._used(), self._wrote()
        return Used(
            seconds=ended - self._began,
            cpu={who: round(cpu[who] - self._cpu[who], 3) for who in cpu},
            transactions=written.transactions - self._written.transactions,
            wal=written.wal - self._written.wal,
            moment=self._moment,
        )

    def idle(self, seconds: float = IDLE_SECONDS) -> dict[str, Any]:
        """What of a core is used while nobody asks for anything, and by whom."""
        self.begin()
        time.sleep(seconds)
        used = self.end()
        share = {who: round(100 * cpu / used.seconds, 2) for who, cpu in used.cpu.items() if who != DRIVER}
        return {"idle_percent": round(sum(share.values()), 2), "idle_percent_by": share}

    def memory(self) -> float:
        """Megabytes of the processes that it was told of, the servers left out."""
        return memory(pid for name, pids in self._groups.items() if name not in SERVERS for pid in pids)

    def _used(self) -> dict[str, float]:
        used = {who: cpu_seconds(pids) for who, pids in self._groups.items()}
        times = os.times()
        return {**used, DRIVER: times.user + times.system}

    def _wrote(self) -> database.Written:
        return database.written() if self._postgres else database.Written(0, 0)
