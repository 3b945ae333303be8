"""The soak itself, for less than a minute, and what it is drawn from."""

import subprocess
import sys
from itertools import islice

import pytest

from tests.chaos.soak.faults import CLOCKS, schedule
from tests.chaos.soak.orders import SHARES, orders
from tests.e2e.workers import ROOT

SEED = 7
MINUTES = 0.75


def test_nothing_is_lost_and_nothing_happens_twice() -> None:
    command = [sys.executable, "-m", "tests.chaos.soak", "--minutes", str(MINUTES), "--seed", str(SEED)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-3000:]


def test_the_same_seed_does_the_same() -> None:
    assert schedule(SEED, 600) == schedule(SEED, 600)
    assert schedule(SEED, 600)[:100] == schedule(SEED, 1200)[:100]
    assert schedule(SEED, 600) != schedule(SEED + 1, 600)
    assert list(islice(orders(SEED, 1, 5), 50)) == list(islice(orders(SEED, 1, 5), 50))
    assert list(islice(orders(SEED, 1, 5), 50)) != list(islice(orders(SEED, 2, 5), 50))


@pytest.mark.parametrize("kind", CLOCKS)
def test_faults_come_as_often_as_they_are_said_to(kind: str) -> None:
    mean, _ = CLOCKS[kind]
    number = sum(fault.kind == kind for fault in schedule(SEED, 200 * mean))
    assert 140 < number < 260


def test_every_kind_of_order_comes() -> None:
    assert {order.kind for order in islice(orders(SEED, 1, 5), 300)} == set(SHARES)
