"""The fixtures are the test kit's (`aetheris.testing.plugin`); here the product is watched as well."""

import signal
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import settings

from aetheris.testing.virtual_clock import VirtualClock as Clock
from jobs.engine import pace
from tests.chaos.watch import Watch, watched

__all__ = ["Clock"]

# How long one example takes says more about the machine than about the code.
settings.register_profile("aetheris", deadline=None)
settings.load_profile("aetheris")

# Processes that tests start and interrupt would inherit it from a run that a shell has put into the background.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _nothing_is_known_to_be_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ran in the tests before is no reason to run a node before its claim has landed."""
    monkeypatch.setattr(pace, "_instant", set())
    monkeypatch.setattr(pace, "_in_a_row", Counter())


@pytest.fixture
def database(database: None) -> Iterator[Watch]:
    """The kit's. What the product commits meanwhile stands between failpoints."""
    with watched() as watch:
        yield watch
    assert watch.naked == []
