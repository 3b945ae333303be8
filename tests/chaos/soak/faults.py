"""The faults of a soak as data: one Poisson clock for each kind, all from the seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

Draw = Callable[[Random], dict[str, Any]]


@dataclass(frozen=True)
class Fault:
    """What is done when, in seconds from the beginning; `how` says to whom, and for how long."""

    at: float
    kind: str
    how: dict[str, Any]


def _nothing(random: Random) -> dict[str, Any]:
    return {}


def _somebody(random: Random) -> dict[str, Any]:
    return {"pick": random.random()}


def _stop(random: Random) -> dict[str, Any]:
    return {"pick": random.random(), "seconds": random.uniform(1, 10)}


def _broker(random: Random) -> dict[str, Any]:
    return {"wiped": random.random() < 0.5}


def _database(random: Random) -> dict[str, Any]:
    return {"seconds": random.uniform(0, 3)}


def _reset(random: Random) -> dict[str, Any]:
    return {"front": random.choice(["db", "db", "broker", "sink"]), "pick": random.random()}


def _stall(random: Random) -> dict[str, Any]:
    front = random.choice(["db", "broker", "sink"])
    # A request that arrives at the sink later than its tool says would be the provider's broken word.
    lost = front == "sink"
    # With all lines dead nothing is left to be killed in the middle of something.
    share, longest = random.choice([(0.2, 30), (0.5, 30), (1.0, 10)])
    seconds = random.uniform(5, longest)
    return {"front": front, "seconds": seconds, "share": share, "pick": random.random(), "lost": lost}


def _commit(random: Random) -> dict[str, Any]:
    return {"when": random.choice(["before", "after"]), "skip": random.randrange(20)}


def _doorbells(random: Random) -> dict[str, Any]:
    return {"doubled": random.random() < 0.5, "seconds": random.uniform(1, 3)}


CLOCKS: dict[str, tuple[float, Draw]] = {
    "child_kill": (1.25, _somebody),
    "worker_kill": (20, _somebody),
    "worker_stop": (15, _stop),
    "web_kill": (30, _nothing),
    "beat_kill": (30, _nothing),
    "broker_kill": (30, _broker),
    "broker_flush": (60, _nothing),
    "database_stop": (60, _database),
    "database_kill": (180, _nothing),
    "reset": (1, _reset),
    "stall": (30, _stall),
    "commit_cut": (4, _commit),
    "doorbells": (10, _doorbells),
}
"""Kind → mean seconds between two of it, and what else is drawn."""


def schedule(seed: int, seconds: float) -> list[Fault]:
    """All faults of a run. The same seed gives the same; a longer run begins like a shorter one."""
    return sorted((fault for kind in CLOCKS for fault in _of_kind(seed, kind, seconds)), key=lambda fault: fault.at)


def _of_kind(seed: int, kind: str, seconds: float) -> Iterator[Fault]:
    mean, draw = CLOCKS[kind]
    random = Random(f"{seed}/{kind}")
    at = random.expovariate(1 / mean)
    while at < seconds:
        yield Fault(at, kind, draw(random))
        at += random.expovariate(1 / mean)
