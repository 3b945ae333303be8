"""The worker processes of a peer that has an `app` to run."""

import os
import sys
from collections.abc import Mapping

from benchmarks.measure import marks
from benchmarks.measure.processes import settle, start

START_SECONDS = 60.0


def is_up() -> None:
    """This process is about to take work."""
    marks.mark("up", os.getpid())


def start_apps(peer: str, *environs: Mapping[str, str]) -> list[int]:
    """The pids of new `benchmarks.peers.<peer>.app` processes, one for each environment, one after the other: the first
    may make the tables. Each calls `is_up` when it takes work."""
    pids = []
    for environ in environs:
        pids.append(start(peer, [sys.executable, "-m", f"benchmarks.peers.{peer}.app"], environ))
        marks.await_mark(f"up {pids[-1]}", START_SECONDS)
    settle(pids)
    return pids
