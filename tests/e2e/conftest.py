"""One instance for all tests of this room, with short leases."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
import redis

from aetheris.core.graph import TaskGraph
from aetheris.services import Instance, Options, read_instance
from aetheris.services.options import environment
from tests.e2e.clocks import off_by
from tests.e2e.workers import ROOT, Workers
from tests.world import Registered

if TYPE_CHECKING:
    from tests.e2e.shifts import Shifts

LEASE_SECONDS = 3.0
OUTSIDE = ("AETHERIS_DATABASE_URL", "AETHERIS_BROKER_URL")


class Running:
    """An instance and its doors. `options` are those of `aetheris up`, `settings` variables of the environment."""

    room: Sequence[str] = ()
    """What stands before the command that starts it."""

    def __init__(self, data: Path, *options: str, **settings: str) -> None:
        self.data = data
        self._options = options
        self._settings = settings
        self._clients: dict[str, httpx.Client] = {}

    def up(self) -> None:
        environ = {name: value for name, value in os.environ.items() if name not in OUTSIDE} | self._settings
        command = ["up", "--background", "--port", "18200", "--app", "tests.e2e.shop"]
        self._aetheris(*command, *self._options, room=self.room, env=environ)
        self._clients.clear()

    def down(self) -> None:
        self._aetheris("down")

    def run(self, *arguments: str) -> str:
        """What a Python process in this instance's environment prints."""
        process = self.process(*arguments, stdout=subprocess.PIPE)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        return output.decode()

    def process(self, *arguments: str, clock: str = "", **options: Any) -> "subprocess.Popen[bytes]":
        """A Python process in this instance's environment; by `clock` its time is wrong."""
        found = self.instance
        shop = Options(str(self.data), apps=["tests.e2e.shop"])
        environ = environment(shop, found.database_url, found.broker_url, found.companions) | self._settings
        environ |= off_by(clock)
        command = ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, *arguments]
        with (self.data / "logs" / "processes.log").open("ab") as log:
            return subprocess.Popen(command, **{"cwd": ROOT, "env": environ, "stdout": log, "stderr": log, **options})

    def _aetheris(self, *arguments: str, room: Sequence[str] = (), env: dict[str, str] | None = None) -> None:
        command = [*room, sys.executable, "-m", "aetheris.cli", *arguments, "--data", str(self.data)]
        subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True, timeout=150)

    @property
    def instance(self) -> Instance:
        found = read_instance(self.data)
        assert found is not None
        return found

    def api(self, user: str = "requester") -> httpx.Client:
        """A client that is logged in as this user."""
        if user not in self._clients:
            client = httpx.Client(base_url=f"{self.instance.url}/api", timeout=20)
            login = {"username": user, "password": self.instance.logins()[user]}
            token = client.post("/login", json=login).raise_for_status().json()["token"]
            client.headers["Authorization"] = f"Token {token}"
            self._clients[user] = client
        return self._clients[user]

    def rows(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with psycopg.connect(self.instance.database_url) as connection:
            return connection.execute(statement, parameters).fetchall()

    def broker(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=self.instance.broker_url.removeprefix("redis+socket://"))

    def submit(self, goal: str, agent: str = "caller") -> str:
        answer = self.api().post(f"/agents/{agent}/message", json={"message": goal}).raise_for_status()
        return str(answer.json()["job_id"])

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api().get(f"/jobs/{job_id}").raise_for_status().json()
        return found

    def until(self, job_id: str, seconds: float, *statuses: str) -> dict[str, Any]:
        """The job as soon as it has one of these states."""
        eventually(lambda: self.job(job_id)["status"] in statuses, seconds, f"{job_id} never became {statuses}")
        return self.job(job_id)

    def calls(self, job_id: str) -> list[dict[str, Any]]:
        """What the witness saw of a job."""
        return [call for call in self.all_calls() if call["job"] == job_id]

    def all_calls(self) -> list[dict[str, Any]]:
        """What the witness saw."""
        file = self.data / "witness.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    def kill_worker_of(self, job_id: str) -> int:
        """Kill -9 the process that is in the middle of the job's call."""
        eventually(lambda: bool(self.calls(job_id)), 20, f"{job_id} never called")
        pid = int(self.calls(job_id)[0]["pid"])
        os.kill(pid, signal.SIGKILL)
        return pid


def eventually(holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait until it holds; fail with `otherwise` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    instance = Running(tmp_path_factory.mktemp("instance"), AETHERIS_LEASE_SECONDS=str(LEASE_SECONDS))
    instance.up()
    yield instance
    instance.down()


@pytest.fixture
def workers(database: None, registered: Registered, tmp_path: Path) -> Iterator[Workers]:
    """Workers of this test's database; this process can submit to the agents of the shop."""
    for name in ("caller", "chain", "wide"):
        registered.agent(TaskGraph, name=name)
    started = Workers(tmp_path)
    yield started
    started.end()


@pytest.fixture(scope="module")
def instance_of_shifts(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Shifts]":
    from tests.e2e.shifts import Shifts

    instance = Shifts(tmp_path_factory.mktemp("shifts"))
    instance.up()
    yield instance
    instance.down()


@pytest.fixture
def shifts(instance_of_shifts: "Shifts") -> "Iterator[Shifts]":
    """An instance that has no workers but those that the test sends to it."""
    yield instance_of_shifts
    instance_of_shifts.end_workers()
