"""In the middle of a deployment: workers and web of the previous version beside those of this one, on its schema."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aetheris.services.ports import free_port
from aetheris.services.roles import worker_command
from tests.e2e.conftest import eventually
from tests.e2e.shifts import Shifts
from tests.e2e.workers import ROOT

PREVIOUS = "9f332886f6ceba01221108304cba86b1f7ee17a9"
"""The version before this one. Nothing was released yet, so it is a commit that calls the statement of a step by its
first name. At a release it becomes the tag of the one before."""
PATIENCE_SECONDS = 60.0
APPS = ("jobs", "ledger", "signals_app")
GOALS = ("chain", "fan-out", "retry", "loop")
ENTRIES = "SELECT idempotency_key, sends FROM ledger_entry WHERE job_id = ANY(%(jobs)s::uuid[])"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of the previous version."""
    return source_of(PREVIOUS, tmp_path_factory.mktemp("previous"))


def source_of(version: str, folder: Path) -> Path:
    """A folder with the source of a version out of this clone's history."""
    archive = subprocess.run(["git", "archive", version], cwd=ROOT, capture_output=True)
    if archive.returncode:
        pytest.fail(
            f"{version} is not in this clone, so two versions cannot be run side by side: fetch the whole history "
            f"(git fetch --unshallow).\n{archive.stderr.decode()}"
        )
    folder.mkdir(exist_ok=True)
    subprocess.run(["tar", "-x"], input=archive.stdout, cwd=folder, check=True)
    return folder


class Deployment(Shifts):
    """An instance of this version, in which processes of both take part."""

    def join(self, source: Path, *arguments: str) -> "subprocess.Popen[bytes]":
        """A process that runs this source."""
        process = self.process(*arguments, cwd=source)
        self._joined.append(process)
        return process

    def hire(self, source: Path) -> "subprocess.Popen[bytes]":
        """A worker of this source."""
        return self.join(source, *worker_command(f"worker-{len(self._joined)}@%h", 4))

    def door_of(self, source: Path) -> httpx.Client:
        """A client of a web process of this source, logged in."""
        port = free_port()
        self.join(source, "-m", "uvicorn", "aetheris.asgi:application", "--port", str(port))
        return httpx.Client(base_url=f"http://127.0.0.1:{port}/api", headers=self.api().headers, timeout=20)

    def up(self) -> None:
        self._joined: list[subprocess.Popen[bytes]] = []
        super().up()

    def end_workers(self) -> None:
        super().end_workers()
        while self._joined:
            process = self._joined.pop()
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    instance = Deployment(tmp_path_factory.mktemp("deployment"))
    instance.up()
    yield instance
    instance.down()


@pytest.fixture
def deployment(instance: Deployment) -> Iterator[Deployment]:
    yield instance
    instance.end_workers()


def test_the_old_source_is_what_runs(deployment: Deployment, old: Path) -> None:
    """And it lacks migrations that the database has."""
    code = "import aetheris, jobs, ledger; print(aetheris.__file__, jobs.__file__, ledger.__file__)"
    printed = subprocess.run([sys.executable, "-c", code], cwd=old, capture_output=True, text=True, check=True).stdout
    assert all(path.startswith(str(old)) for path in printed.split())
    ((done,),) = deployment.rows(
        "SELECT count(*) FROM django_migrations WHERE app IN ('jobs', 'ledger', 'signals_app')"
    )
    there = sum(len(list((old / app / "migrations").glob("0*.py"))) for app in ("jobs", "ledger", "signals_app"))
    assert there < done


@pytest.mark.parametrize("begins", ["old", "new"])
def test_each_goes_on_with_what_the_other_has_begun(deployment: Deployment, old: Path, begins: str) -> None:
    """The worker that began is killed in the middle: what may be sent again is, under the same key."""
    first, second = (old, ROOT) if begins == "old" else (ROOT, old)
    killed = deployment.hire(first)
    chain, payment = deployment.submit("slow_payment 2", agent="chain"), deployment.submit("slow_payment 5")
    letter = deployment.submit("slow_letter 5")
    for job in (chain, payment, letter):
        eventually(lambda job=job: bool(deployment.calls(job)), PATIENCE_SECONDS, f"{job} was not begun")  # type: ignore[misc]
    successor = deployment.hire(second)
    killed.kill()

    deployment.until(letter, PATIENCE_SECONDS, "parked")
    assert len(deployment.calls(letter)) == 1
    for job, sent in ((payment, 2), (chain, 4)):
        deployment.until(job, PATIENCE_SECONDS, "completed")
        calls = deployment.calls(job)
        assert [call["pid"] for call in calls] == [killed.pid] + [successor.pid] * (sent - 1)
        assert calls[0]["key"] == calls[1]["key"]
        assert len({call["key"] for call in calls}) == sent - 1


def test_what_only_the_new_code_has_waits_for_it(deployment: Deployment, old: Path) -> None:
    deployment.hire(old)
    known, unknown = deployment.submit("slow_read 0"), deployment.submit("0.1", agent="napper")
    deployment.until(known, PATIENCE_SECONDS, "completed")
    assert deployment.job(unknown)["status"] == "pending"
    deployment.hire(ROOT)
    deployment.until(unknown, PATIENCE_SECONDS, "completed")


def test_nothing_is_lost_or_done_twice_while_both_are_there(deployment: Deployment, old: Path) -> None:
    """Workers of both are killed, and clients use the web processes of both."""
    web = deployment.door_of(old)
    eventually(lambda: answers(web), PATIENCE_SECONDS, "the old web process does not answer")
    workers = {deployment.hire(source): source for source in (old, ROOT)}
    doors = (web, deployment.api())
    jobs = [submit(doors[number % 2], GOALS[number // 2 % len(GOALS)]) for number in range(40)]
    for worker, source in workers.items():
        eventually(lambda pid=worker.pid: pid in callers(deployment, jobs), PATIENCE_SECONDS, "it calls nothing")  # type: ignore[misc]
        worker.kill()
        deployment.hire(source)
    for job in jobs:
        deployment.until(job, PATIENCE_SECONDS, "completed")

    sends = dict(deployment.rows(ENTRIES, jobs=jobs))
    calls = Counter(call["key"] for job in jobs for call in deployment.calls(job))
    assert {key: count for key, count in calls.items() if count > sends[key]} == {}
    for job in jobs:
        ours, theirs = (door.get(f"/jobs/{job}").raise_for_status().json()["status"] for door in doors)
        assert ours == theirs == "completed"
    assert deployment.run("-m", "aetheris.testing.check") == "", "all invariants hold, of whatever both have written"


def answers(door: httpx.Client) -> bool:
    try:
        return door.get("/health").status_code == 200
    except httpx.HTTPError:
        return False


def submit(door: httpx.Client, goal: str) -> str:
    return str(door.post("/agents/mixed/message", json={"message": goal}).raise_for_status().json()["job_id"])


def callers(deployment: Deployment, jobs: list[str]) -> set[int]:
    """The processes that have called something for these jobs."""
    return {call["pid"] for job in jobs for call in deployment.calls(job)}
