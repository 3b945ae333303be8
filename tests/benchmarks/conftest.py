"""One tiny run of Aetheris's own workloads, on servers as a run of the benchmarks has them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.servers import servers
from benchmarks.turns import driven

WORDS = ("w1=2", "w2=1", "w3=2", "w4=10,20", "w5=2", "w7=4", "w6", "probe=1", "grown=20,1")
LEASE_SECONDS = "3"


@pytest.fixture(scope="session")
def lines() -> Iterator[list[dict[str, Any]]]:
    """What it measured."""
    with servers() as environ:
        environ |= {"BENCH_QUICK": "1", "BENCH_THREADS": "2", "AETHERIS_LEASE_SECONDS": LEASE_SECONDS}
        yield list(driven("aetheris", WORDS, Path(sys.executable), environ))
