"""What others saw: the lines of the sink, and the calls of the clients with what they were answered."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from aetheris.testing.sink import LOOKS

T = TypeVar("T", "Sent", "Call")


@dataclass(frozen=True)
class Sent:
    """One request that reached the sink. `answered` is an HTTP status, 0 for a connection closed without a word."""

    key: str
    mode: str
    digest: str
    applied: bool
    answered: int
    arrival: int = 0

    @property
    def only_asks(self) -> bool:
        return self.mode == LOOKS


@dataclass(frozen=True)
class Call:
    """One request of a client: its `verb` (`submit`, `signal`, `cancel`), what it was about and how it ended.

    `verdict` is `ok`, `refused`, or `unknown` when no answer came. A submit tells `agent`, its idempotency `key`,
    the message as `body` and, when it is ok, the `job`. A signal tells `job`, the correlation `key`, the payload's
    canonical text as `body` and, when it is ok, what it was `told`: `applied`, `already`, `kept` or `proposed`.
    """

    verb: str
    verdict: str
    job: str = ""
    key: str = ""
    body: str = ""
    agent: str = ""
    told: str = ""


def sent_in(log: Path) -> list[Sent]:
    """Every whole line of a sink's log."""
    return list(_read(log, Sent))


def calls_in(history: Path) -> list[Call]:
    """Every whole line of a client's history; what a line tells besides is left out."""
    return list(_read(history, Call))


def _read(file: Path, record: type[T]) -> Iterator[T]:
    names = {each.name for each in fields(record)}
    whole, _, _torn = file.read_bytes().rpartition(b"\n")
    for line in whole.splitlines():
        told: dict[str, Any] = json.loads(line)
        yield record(**{name: value for name, value in told.items() if name in names})
