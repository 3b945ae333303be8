"""Pace: how quickly functions and plans have lately run in this process, and so what may wait for them."""

from collections import Counter
from functools import lru_cache
from threading import Lock

from aetheris.core.canonical import loads
from jobs.states import NodeType

QUICK_SECONDS = 0.01
INSTANT_SECONDS = 0.001
MOST_TOGETHER = 16
HEADER = "aetheris_pace"
"""Of a doorbell: what its node's speed is known by."""

_lock = Lock()
_in_a_row: Counter[str] = Counter()
_instant: set[str] = set()


@lru_cache(maxsize=1024)
def name_of(agent: str, type: str, config: str) -> str:
    """What a node's speed is known by; "" for one that waits for something outside."""
    if type == NodeType.FUNCTION:
        return f"function {loads(config)['function']}"
    return f"plan {agent}" if type == NodeType.PLAN else ""


def note(name: str, seconds: float) -> None:
    """What has this name ran in this process for so long."""
    with _lock:
        _in_a_row[name] = min(_in_a_row[name] + 1, MOST_TOGETHER) if seconds < QUICK_SECONDS else 0
        (_instant.add if seconds < INSTANT_SECONDS else _instant.discard)(name)


def together(name: str) -> int:
    """How many nodes of one job with this name may wait for one another: as many as were quick in a row."""
    return max(1, _in_a_row[name])


def is_instant(name: str) -> bool:
    """Whether nodes of other jobs may wait for one with this name: it took next to no time the last time."""
    return bool(name) and name in _instant
