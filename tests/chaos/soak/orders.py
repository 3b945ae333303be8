"""What the clients of a soak order: each a stream of its own, drawn from the seed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

SHARES = {"three": 40, "refund": 20, "wait": 10, "parallel": 10, "retry": 10, "cancel": 5, "agent": 5}
EFFECTS = ["look", "keyed", "verifiable", "once", "booked"]
CANCELLED = ["look", "once", "booked"]
"""A job that starts nothing more neither sends again nor asks: with the others more would be in doubt than `once`."""
BAD = [("keyed", "apply-then-drop"), ("keyed", "apply-then-500"), ("keyed", "slow"), ("refused", "")]
"""Tools with a provider that answers badly, and how."""


@dataclass(frozen=True)
class Order:
    """One job to be: its key, its goal, and what its client or a robot does about it `after` seconds."""

    key: str
    kind: str
    after: float
    agrees: bool
    repeats: bool
    """Whether the client says the same again after it was accepted."""
    left_open: bool
    """Whether nobody answers what is asked about its unknown effects."""
    choices: dict[str, Any]

    @property
    def goal(self) -> str:
        return json.dumps({"kind": self.kind, **self.choices}, sort_keys=True)


def orders(seed: int, client: int, patience: float) -> Iterator[Order]:
    """What this client orders, one after the other, for ever. People take up to `patience` seconds."""
    random = Random(f"{seed}/client/{client}")
    number = 0
    while True:
        number += 1
        kind = random.choices(list(SHARES), list(SHARES.values()))[0]
        yield Order(
            key=f"soak-{seed}-{client}-{number}",
            kind=kind,
            after=random.uniform(0, 2 if kind == "cancel" else patience),
            agrees=random.random() < 0.85,
            repeats=random.random() < 0.1,
            left_open=random.random() < 0.2,
            choices=_choices(kind, random, patience),
        )


def _choices(kind: str, random: Random, patience: float) -> dict[str, Any]:
    match kind:
        case "three":
            return {"tools": random.choices(EFFECTS, k=3)}
        case "cancel":
            return {"tools": random.choices(CANCELLED, k=3)}
        case "parallel":
            return {"tools": random.choices(EFFECTS, k=4)}
        case "refund":
            return {"tool": random.choice(["keyed", "once", "verifiable"])}
        case "wait":
            return {"tool": random.choice(EFFECTS), "timeout": round(random.uniform(1, patience), 1)}
        case "retry":
            tool, mode = random.choice(BAD)
            return {"tool": tool, "arguments": {"mode": mode} if mode else {}}
        case _:
            return {"turns": random.randint(2, 4)}
