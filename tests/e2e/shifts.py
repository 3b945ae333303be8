"""An instance without workers of its own, the worker processes that a test sends to it, and what everybody saw."""

import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

import httpx

from aetheris.services.roles import worker_command
from tests.e2e.conftest import Running, eventually

LEASE_SECONDS = 3.0


@dataclass(frozen=True)
class Seen:
    """What became of a job's payment: outside, in the ledger, and to the job.

    `requests` reached the provider (or, for `transactional`, the tool), under the keys of these `attempts`; `applied`
    is what stayed; `entries` are the attempts in the ledger, each as its state and how often it was sent.
    """

    requests: int
    attempts: list[str]
    applied: int
    entries: list[str]
    node: str
    job: str
    asked: str = ""


class Worker:
    """A worker process that a fork server has begun."""

    def __init__(self, server: "subprocess.Popen[bytes]", clock: str, order: dict[str, str]) -> None:
        self.server = server
        self.clock = clock
        self._exit_code: int | None = None
        assert server.stdin is not None
        server.stdin.write(json.dumps(order).encode() + b"\n")
        self.pid = self._told(40)

    def wait(self, seconds: float) -> int:
        """Its exit code, once it has ended; for a signal that ended it, the signal's number below zero."""
        if self._exit_code is None:
            self._exit_code = self._told(seconds)
        return self._exit_code

    def kill(self) -> None:
        if self._exit_code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait(10)

    def has_stopped(self, seconds: float) -> None:
        """Return when it has stopped itself, at its moment."""
        stat = Path(f"/proc/{self.pid}/stat")
        eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", seconds, "it never stopped")

    def wake_up(self, seconds: float) -> None:
        """It goes on where it stood, and ends after that: then it has done all that it ever will."""
        os.kill(self.pid, signal.SIGTERM)
        os.kill(self.pid, signal.SIGCONT)
        assert self.wait(seconds) == 0

    def _told(self, seconds: float) -> int:
        assert self.server.stdout is not None
        assert select.select([self.server.stdout], [], [], seconds)[0], "the worker has not ended"
        return int(self.server.stdout.readline())


class Shifts(Running):
    """Web, beat, servers and the payment provider, with one worker that sweeps and serves no node; by `clock` the time
    in that one is wrong."""

    def __init__(self, data: Path, clock: str = "") -> None:
        payments = f"payments={sys.executable} -m examples.refund.world.payments"
        super().__init__(
            data,
            *("--workers", "0", "--with", payments),
            AETHERIS_LEASE_SECONDS=str(LEASE_SECONDS),
            AETHERIS_SWEEP_SECONDS="0.3",
        )
        self._clock = clock
        self._idle: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._begun: list[Worker] = []

    def up(self) -> None:
        super().up()
        self._sweeper = self.process(*worker_command("sweeper@%h", 1, "realtime"), clock=self._clock)

    def down(self) -> None:
        self.end_workers()
        for process in (*(server for _, server in self._idle), self._sweeper):
            process.kill()
            process.wait()
        super().down()

    def worker(self, moment: str = "", blow: str = "SIGKILL", clock: str = "") -> "Worker":
        """A worker that begins now; with a `moment`, it sends itself the signal there, by `clock` its time is wrong."""
        idle = next((each for each in self._idle if each[0] == clock), None)
        if idle is not None:
            self._idle.remove(idle)
        pipes = {"stdin": PIPE, "stdout": PIPE, "bufsize": 0}
        server = idle[1] if idle else self.process("-m", "tests.e2e.killing_worker", clock=clock, **pipes)
        worker = Worker(server, clock, {"moment": moment, "blow": blow})
        self._begun.append(worker)
        return worker

    def end_workers(self) -> None:
        """Kill all that have begun."""
        while self._begun:
            worker = self._begun.pop()
            worker.kill()
            self._idle.append((worker.clock, worker.server))

    def keys(self, job: str) -> dict[str, str]:
        """Idempotency key → entry state, of every attempt at the payment."""
        statement = (
            "SELECT idempotency_key, state FROM ledger_entry"
            " WHERE job_id = %(job)s AND step_id = 'pay' ORDER BY attempt"
        )
        return dict(self.rows(statement, job=job))

    def requests(self, job: str, effect: str) -> list[str]:
        """The key of every call that reached what the effect is on."""
        if effect == "transactional":
            return [call["key"] for call in self.calls(job)]
        return [line["key"] for line in self._log(job, "look_ups" if effect in ("pure", "read") else "lines")]

    def applied(self, job: str, effect: str) -> int:
        """How many payments stayed."""
        if effect == "transactional":
            return len(self.rows("SELECT 1 FROM auth_group WHERE name LIKE %(name)s", name=f"{job} %"))
        return sum(line["outcome"] == "applied" for line in self._log(job, "lines"))

    def seen(self, job: str, effect: str) -> Seen:
        requests = self.requests(job, effect)
        statement = (
            "SELECT state || ' ' || sends FROM ledger_entry WHERE job_id = %(job)s AND step_id = 'pay' ORDER BY attempt"
        )
        found = self.job(job)
        return Seen(
            requests=len(requests),
            attempts=sorted({key.removeprefix(f"aetheris:{job}:pay:") for key in requests}),
            applied=self.applied(job, effect),
            entries=[entry for (entry,) in self.rows(statement, job=job)],
            node=next(node["status"] for node in found["nodes"] if node["id"] == "pay"),
            job=found["status"],
            asked=self._asked(job) if effect == "verifiable" else "",
        )

    def _asked(self, job: str) -> str:
        questions, payments = self._log(job, "look_ups"), self._log(job, "lines")
        if not questions:
            return ""
        return "first" if questions[-1]["at"] < payments[0]["at"] else "then"

    def everything_outside(self) -> tuple[object, ...]:
        """All that ever reached anybody outside."""
        log = self._payments()
        witness = self.data / "witness.jsonl"
        return log["lines"], log["look_ups"], witness.read_text() if witness.exists() else ""

    def _log(self, job: str, part: str) -> list[dict[str, Any]]:
        return [line for line in self._payments()[part] if job in line["key"]]

    def _payments(self) -> dict[str, Any]:
        answer = httpx.get(f"{self.instance.companions['payments']}/log", timeout=10, trust_env=False)
        log: dict[str, Any] = answer.raise_for_status().json()
        return log
