"""Pace: how many nodes of one function are claimed together: as many as it has lately run quickly in a row."""

from collections import Counter
from threading import Lock

QUICK_SECONDS = 0.01
MOST_TOGETHER = 16

_lock = Lock()
_in_a_row: Counter[str] = Counter()


def note(function: str, seconds: float) -> None:
    """A function ran in this process for so long."""
    with _lock:
        _in_a_row[function] = min(_in_a_row[function] + 1, MOST_TOGETHER) if seconds < QUICK_SECONDS else 0


def together(function: str) -> int:
    """How many of its nodes may wait for one another; "" stands for a node that is no function's."""
    return max(1, _in_a_row[function])
