"""A process that falls silent in a transaction, stopped or behind a dead line: it loses what it holds after seconds."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import pytest
from django.db import Error, connection

from aetheris.core.graph import TaskGraph
from jobs.engine.cancel import cancel
from jobs.engine.patience import drop_connection, is_loss
from jobs.engine.sweep import sweep
from jobs.engine.tick import tick
from jobs.engine.transaction import committing, job_transaction
from tests.world import REQUESTER, Doorbells, Registered, assert_whole, submitted

SILENT_SECONDS = 5.0
LONGEST_SECONDS = 30.0


@contextmanager
def silent_in(transaction: Callable[[], AbstractContextManager[object]]) -> Iterator[None]:
    """Somebody enters a transaction, and says nothing more until the body has ended."""
    entered, may_speak, lost = threading.Event(), threading.Event(), threading.Event()

    def fall_silent() -> None:
        try:
            with transaction():
                entered.set()
                may_speak.wait(LONGEST_SECONDS)
        except Error as error:
            if is_loss(error):
                lost.set()
        finally:
            drop_connection()

    silent = threading.Thread(target=fall_silent, daemon=True)
    silent.start()
    assert entered.wait(LONGEST_SECONDS)
    yield
    may_speak.set()
    silent.join(LONGEST_SECONDS)
    assert lost.is_set(), "what it did there is lost, and it is told so"


@pytest.fixture(autouse=True)
def new_sessions(database: None) -> None:
    """A session from before the migration has no limit."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


def test_it_keeps_its_job_for_seconds_only(registered: Registered, doorbells: Doorbells) -> None:
    registered.agent(TaskGraph)
    job = submitted()
    with silent_in(lambda: job_transaction(job.pk)):
        began = time.monotonic()
        assert cancel(job.pk, actor=REQUESTER).state == "cancelled"
        assert SILENT_SECONDS - 1 < time.monotonic() - began < SILENT_SECONDS + 5
    assert_whole(job)


def test_others_sweep_without_it() -> None:
    @contextmanager
    def ticking() -> Iterator[None]:
        with committing("tick"):
            tick(timedelta(0))
            yield

    sweep()
    with silent_in(ticking):
        swept: dict[str, int] = {}
        ends = time.monotonic() + LONGEST_SECONDS
        while not swept and time.monotonic() < ends:
            time.sleep(0.1)
            swept = sweep()
        assert swept, "nobody ever swept again"
