"""Waiting for the end of a job: told by its commit, at the cost of two questions, and not forgotten without Redis."""

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from aetheris.live import announce
from aetheris.live.doorbell import Doorbell
from aetheris.live.listener import LOOK_SECONDS
from jobs import news
from jobs.engine.cancel import cancel
from jobs.engine.result import Result, result
from jobs.models import Job
from tests.doors import finishing
from tests.world import Doorbells, Registered, World, submitted

SOON = LOOK_SECONDS / 2
"""Sooner than anybody looks who was not rung for."""


@pytest.fixture(autouse=True)
def _agent(registered: Registered, world: World, database: None) -> None:
    finishing(registered, world)


@contextmanager
def waiting(job: Job, timeout: float = 20.0) -> Iterator[Future[tuple[Result, float, int]]]:
    """Somebody who waits for a job: what he got, when, and how many questions it took."""
    started = threading.Event()

    def wait() -> tuple[Result, float, int]:
        try:
            with CaptureQueriesContext(connection) as asked:
                started.set()
                got = result(job.pk, timeout)
            return got, time.monotonic(), len(asked)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(wait)
        started.wait()
        time.sleep(0.3)  # the worst is to end while he sits, not while he comes
        yield future


def test_who_waits_is_told_by_the_commit(doorbells: Doorbells) -> None:
    job = submitted()
    with waiting(job) as waiter:
        doorbells.drain()
        ended = time.monotonic()
        got, at, _ = waiter.result(20)
    assert at - ended < SOON
    assert (got.status, got.outcome, got.final, got.error) == ("completed", "completed", True, None)
    assert got.result == {"amount": "7.50"}


def test_a_long_wait_asks_no_more_than_a_short_one(doorbells: Doorbells) -> None:
    asked = []
    for pause in (LOOK_SECONDS, 3 * LOOK_SECONDS):  # long enough to sit there, on a busy machine too
        job = submitted()
        with waiting(job) as waiter:
            time.sleep(pause)
            doorbells.drain()
            asked.append(waiter.result(20)[2])
    assert asked[0] == asked[1] <= 4


def test_who_waits_in_vain_is_told_how_it_stands(doorbells: Doorbells) -> None:
    job = submitted()
    began = time.monotonic()
    got = result(job.pk, 0.3)
    assert 0.3 <= time.monotonic() - began < SOON
    assert (got.status, got.final, got.result) == ("pending", False, None)


def test_an_ended_job_and_no_patience_are_answered_at_once(doorbells: Doorbells) -> None:
    job = submitted()
    assert not result(job.pk).final
    doorbells.drain()
    assert result(job.pk).final
    assert result(job.pk, 20).final


def test_a_job_that_is_not_there(doorbells: Doorbells) -> None:
    with pytest.raises(Job.DoesNotExist):
        result(uuid4(), 1)


def _nobody_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announce._line, "_rests_until", math.inf)


def _the_line_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of this process alone: other tests run beside it."""
    line: Any = news._Process.listener._connection
    line._sock.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("harm", [_nobody_rings, _the_line_is_cut])
def test_a_lost_doorbell_costs_seconds(
    doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch, harm: Callable[[pytest.MonkeyPatch], None]
) -> None:
    job = submitted()
    with waiting(job) as waiter:
        harm(monkeypatch)
        doorbells.drain()
        ended = time.monotonic()
        got, at, _ = waiter.result(20)
    assert got.final
    assert at - ended < LOOK_SECONDS + SOON


def test_after_a_cut_line_doorbells_are_heard_again(doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch) -> None:
    job = submitted()
    with waiting(job) as waiter:
        _the_line_is_cut(monkeypatch)
        time.sleep(2 * LOOK_SECONDS)
        doorbells.drain()
        ended = time.monotonic()
        assert waiter.result(20)[1] - ended < SOON


def test_one_who_cannot_be_told_silences_nobody(doorbells: Doorbells) -> None:
    """Neither those who wait for the same job, nor who comes later."""

    def gone(_: Doorbell | None) -> None:
        raise RuntimeError("Event loop is closed")

    for deaf in (gone, None):
        job = submitted()
        with news.hearing(job, deaf) if deaf else nullcontext(), waiting(job) as waiter:
            doorbells.drain()
            ended = time.monotonic()
            assert waiter.result(20)[1] - ended < SOON


def test_what_is_taken_back_is_not_announced(doorbells: Doorbells) -> None:
    """The doorbell belongs to the commit."""
    job = submitted()
    heard: list[Doorbell | None] = []
    with news.hearing(job, heard.append):
        with transaction.atomic():
            cancel(job.pk, actor="user:1/requester", reason="")
            transaction.set_rollback(True)
        time.sleep(0.2)
        # That of the submission may come only now.
        assert [bell for bell in heard if bell is None or bell.seq > job.seq] == []
        doorbells.drain()
        deadline = time.monotonic() + SOON
        while not any(bell and bell.ended for bell in heard) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert [bell.ended for bell in heard if bell][-1]
