"""What is run, and where and how a process of it is struck. All of it has a name for the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from aetheris.core.handlers import Effect
from aetheris.testing.crash_matrix.answers import Answers, always

if TYPE_CHECKING:
    from aetheris.testing.crash_matrix.actor import Actor

Act = Callable[["Actor"], None]
"""What somebody does: a client, a worker, a person. Whoever does not live to hear of it, or hears nothing, does it
again, so it may be repeated."""


class Blow(StrEnum):
    """What happens to the process that has reached a place."""

    KILL = "kill"
    """Kill -9. Another worker goes on; a client asks again."""
    ZOMBIE = "zombie"
    """It is stopped beyond its lease, and wakes up when other workers have done what they could."""
    LATE_ZOMBIE = "late-zombie"
    """It wakes up only when people have answered as well, and the job has ended."""
    CUT = "cut"
    """The COMMIT is sent, and its answer lost."""
    DROP = "drop"
    """The connection is lost before the COMMIT is sent."""
    DATABASE = "database"
    """The main process of PostgreSQL is killed with -9, and started again."""

    @property
    def of_commits(self) -> bool:
        return self in (Blow.CUT, Blow.DROP)

    @property
    def of_zombies(self) -> bool:
        return self in (Blow.ZOMBIE, Blow.LATE_ZOMBIE)


@dataclass(frozen=True)
class Place:
    """The `number`-th time that one process reaches a failpoint in one act: `2.work:claim.commit.before~1`."""

    act: str
    failpoint: str
    number: int

    def __str__(self) -> str:
        return f"{self.act}:{self.failpoint}~{self.number}"


@dataclass(frozen=True)
class Stroke:
    """One blow: `kill@2.work:claim.commit.before~1`."""

    blow: Blow
    place: Place

    def __str__(self) -> str:
        return f"{self.blow}@{self.place}"


@dataclass(frozen=True)
class Cell:
    """A scenario and the blows that it takes, one after the other: `refund-once/kill@…/kill@…`."""

    scenario: str
    strokes: tuple[Stroke, ...] = ()

    def __str__(self) -> str:
        return "/".join([self.scenario, *map(str, self.strokes)])


_PLACE = re.compile(r"([^:]+):([^~]+)~(\d+)")


def place_named(name: str) -> Place:
    """The place of this name. Raises `ValueError` for what is none."""
    if (found := _PLACE.fullmatch(name)) is None:
        raise ValueError(f"{name!r} is not ACT:FAILPOINT~NUMBER")
    act, failpoint, number = found.groups()
    return Place(act, failpoint, int(number))


def cell_named(name: str) -> Cell:
    """The cell of this name. Raises `ValueError` for what is none."""
    scenario, *listed = name.split("/")
    parts = [each.partition("@") for each in listed]
    return Cell(scenario, tuple(Stroke(Blow(blow), place_named(place)) for blow, _, place in parts))


@dataclass(frozen=True)
class Scenario:
    """A job of `agent`, and what is done with it, act by act; the last one is what people do about doubt.

    `steps` are its effects by their step ids; `answers` says what the provider does with each call of them, or None
    where something else decides too. `ends` are the states that the job may be in at the end of all. `asides` happen
    while a tool is called, when the tool asks for them. `rows` lists the steps of the rows that a job has written.
    """

    name: str
    agent: str
    goal: str
    acts: Sequence[tuple[str, Act]]
    steps: Mapping[str, Effect]
    answers: Answers | None = always
    ends: Collection[str] = ("completed",)
    asides: Mapping[str, Act] = field(default_factory=dict)
    rows: Callable[[str], list[str]] = lambda job: []
    lease_seconds: float = 15.0

    def act(self, index: int) -> str:
        """The name of an act in places: `2.work`."""
        return f"{index + 1}.{self.acts[index][0]}"
