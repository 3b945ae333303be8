"""One transaction per state change: kill -9 between any two statements leaves all of it or nothing of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from jobs.engine.reclaim import reclaim_if_expired
from jobs.engine.signal import signal
from jobs.engine.time_out import time_out_if_due
from jobs.models import Job, Node
from signals_app.models import Wait
from tests import own_database
from tests.crash.agent import KEY, install
from tests.crash.snapshot import as_text, snapshot
from tests.world import APPROVER, Doorbells, Registered, World, again, assert_whole, submitted

ROOT = Path(__file__).resolve().parents[2]


class ForkServer:
    """The process that runs one verb in a child and kills it before a chosen statement."""

    def __init__(self, snapshots: Path) -> None:
        self.snapshots = snapshots
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.fork_server"],
            cwd=ROOT,
            env={**os.environ, "AETHERIS_DATABASE_URL": own_database.url()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, verb: str, arguments: list[Any], kill_at: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.snapshots.unlink(missing_ok=True)
        order = {"verb": verb, "arguments": arguments, "kill_at": kill_at, "snapshots": str(self.snapshots)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)


@pytest.fixture
def server(database: None, tmp_path: Path) -> Iterator[ForkServer]:
    started = ForkServer(tmp_path / "snapshot")
    yield started
    started.stop()


def finish(job: Job, doorbells: Doorbells) -> Job:
    """What any surviving worker does, as time passes: take expired leases back, try again, answer doorbells; and a
    person answers."""
    for _ in range(3):
        for node in Node.objects.filter(job=job, state="running"):
            Node.objects.filter(job=job, path=node.path).update(lease_expires_at=node.started_at)
            reclaim_if_expired(job.pk, node.path)
        Node.objects.filter(job=job, state="ready", not_before__isnull=False).update(not_before=job.created_at)
        for node in Node.objects.filter(job=job, state="ready"):
            doorbells.rung.append((job.pk, node.path, node.queue))
        doorbells.drain()
        if Wait.objects.filter(job=job, state="open").exists() and not time_out_if_due(job.pk, KEY):
            signal(job.pk, KEY, {"approved": True}, APPROVER)
            doorbells.drain()
    return again(job)


Step = tuple[str, Callable[[Job, Doorbells], list[Any]]]


def submitted_only(job: Job, doorbells: Doorbells) -> list[Any]:
    return [str(job.pk), "plan"]


def parked(job: Job, doorbells: Doorbells) -> list[Any]:
    doorbells.drain()
    assert again(job).state == "parked"
    return [str(job.pk), KEY, True]


def refused(job: Job, doorbells: Doorbells) -> list[Any]:
    return [*parked(job, doorbells)[:2], False]


def overdue(job: Job, doorbells: Doorbells) -> list[Any]:
    parked(job, doorbells)
    Wait.objects.filter(job=job).update(expires_at=job.created_at)
    return [str(job.pk), KEY]


def past_its_deadline(job: Job, doorbells: Doorbells) -> list[Any]:
    parked(job, doorbells)
    Job.objects.filter(pk=job.pk).update(deadline_at=job.created_at)
    return [str(job.pk)]


def answered(job: Job, doorbells: Doorbells) -> list[Any]:
    parked(job, doorbells)
    signal(job.pk, KEY, {"approved": True}, APPROVER)
    return [str(job.pk), "pay"]


def abandoned(job: Job, doorbells: Doorbells) -> list[Any]:
    """A worker took node zero and was lost."""
    from jobs.engine.claim import claim
    from jobs.engine.transaction import job_transaction

    with job_transaction(job.pk) as tx:
        assert claim(tx, "plan") is not None
    Node.objects.filter(job=job, path="plan").update(lease_expires_at=job.created_at)
    return [str(job.pk), "plan"]


STEPS: dict[str, Step] = {
    "plan, look and park": ("run_node", submitted_only),
    "approve": ("signal", parked),
    "refuse": ("signal", refused),
    "time out": ("time_out", overdue),
    "pay and finish": ("run_node", answered),
    "reclaim": ("reclaim", abandoned),
    "cancel": ("cancel", parked),
    "fail at the deadline": ("overdue", past_its_deadline),
    "retry what did not happen": ("refused_call", answered),
    "retry what nobody knows": ("broken_call", answered),
}
FEWEST = {"plan, look and park": 5, "approve": 3, "retry what did not happen": 4, "retry what nobody knows": 4}
"""How many statements a verb sends, where they are fewer than six: what it begins with is one of them."""
ENDS = {
    "refuse": ("completed", "refused"),
    "time out": ("failed", "failed"),
    "cancel": ("cancelled", "cancelled"),
    "fail at the deadline": ("failed", "failed"),
    "retry what did not happen": ("completed", "completed"),
    "retry what nobody knows": ("completed", "completed"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_between_any_two_statements_leaves_all_or_nothing(
    step: str, server: ForkServer, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    install(registered, world)
    verb, prepare = STEPS[step]
    kill_at, killed, commits = 0, True, set()
    while killed:
        kill_at += 1
        doorbells.rung.clear()
        job = submitted()
        arguments = prepare(job, doorbells)
        before = as_text(snapshot())
        connection.close()

        answer = server.run(verb, arguments, kill_at)
        assert not answer["failed"]
        killed = answer["killed"]
        committed = server.snapshots.read_text() if server.snapshots.exists() else before
        commits.add(committed == before)
        assert as_text(snapshot()) == committed, f"half a transaction before statement {kill_at}"
        assert_whole(job)
        ended = finish(job, doorbells)
        expected = ENDS.get(step)
        assert ended.is_final
        assert expected is None or killed or (ended.state, ended.outcome) == expected
        assert_whole(job)
    assert kill_at > FEWEST.get(step, 6), "the killer saw too few statements to prove anything"
    assert commits == {True, False}, "both sides of a commit must have been seen"


def test_a_killed_submit_leaves_no_half_job(
    server: ForkServer, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    install(registered, world)
    kill_at, killed = 0, True
    while killed:
        kill_at += 1
        key = f"key-{kill_at}"
        before = as_text(snapshot())
        connection.close()
        answer = server.run("submit", [key], kill_at)
        assert not answer["failed"]
        killed = answer["killed"]
        committed = server.snapshots.read_text() if server.snapshots.exists() else before
        assert as_text(snapshot()) == committed
        job = submitted(idempotency_key=key)
        assert_whole(job)
        assert Job.objects.filter(pk=job.pk).count() == 1
    assert kill_at > 3, "the killer saw too few statements to prove anything"
