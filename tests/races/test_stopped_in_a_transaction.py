"""A process that is stopped inside a transaction: the server ends that after a lease, so that nobody waits for ever."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import pytest
from django.db import Error

from aetheris.conf import configuration
from aetheris.core.graph import TaskGraph
from jobs.engine.cancel import cancel
from jobs.engine.patience import drop_connection, is_loss
from jobs.engine.sweep import sweep
from jobs.engine.tick import tick
from jobs.engine.transaction import committing, job_transaction
from tests.world import REQUESTER, Doorbells, Registered, assert_whole, submitted

PATIENCE_SECONDS = 20.0


@contextmanager
def stopped_in(transaction: Callable[[], AbstractContextManager[object]]) -> Iterator[None]:
    """Somebody enters a transaction, and is stopped there until the body has ended."""
    entered, woken, lost = threading.Event(), threading.Event(), threading.Event()

    def stop() -> None:
        try:
            with transaction():
                entered.set()
                woken.wait(PATIENCE_SECONDS)
        except Error as error:
            if is_loss(error):
                lost.set()
        finally:
            drop_connection()

    process = threading.Thread(target=stop, daemon=True)
    process.start()
    assert entered.wait(PATIENCE_SECONDS)
    yield
    woken.set()
    process.join(PATIENCE_SECONDS)
    assert lost.is_set(), "what it did there is lost, and it is told so"


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration(), "lease_seconds", 0.5)


def test_its_job_goes_on_without_it(registered: Registered, doorbells: Doorbells) -> None:
    registered.agent(TaskGraph)
    job = submitted()
    with stopped_in(lambda: job_transaction(job.pk)):
        assert cancel(job.pk, actor=REQUESTER).state == "cancelled"
    assert_whole(job)


def test_others_sweep_without_it(database: None) -> None:
    @contextmanager
    def ticking() -> Iterator[None]:
        with committing("tick"):
            tick(timedelta(0))
            yield

    sweep()
    with stopped_in(ticking):
        swept: dict[str, int] = {}
        waiting = threading.Event()
        for _ in range(200):
            if swept := sweep():
                break
            waiting.wait(0.1)
        assert swept, "nobody ever swept again"
