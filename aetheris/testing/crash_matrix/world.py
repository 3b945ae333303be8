"""The world as a struck process knows it: where the provider is, what its log says, how often a tool was entered."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from aetheris.testing.invariants import Sent

Aside = Callable[[str], None]


@dataclass
class World:
    """`log` is the provider's; what stands before `offset` is of other cells. `calls` has a line for each call of a
    tool. `aside` lets somebody else act now; `renewed` tells whether this process has extended a lease."""

    url: str = ""
    log: Path = Path("/dev/null")
    calls: Path = Path("/dev/null")
    offset: int = 0
    aside: Aside = lambda act: None
    renewed: Callable[[], bool] = lambda: True

    def note(self, job: object, step: str) -> int:
        """This step of the job is called now; how often it was before. No rollback takes that back."""
        line = f"{job} {step}\n"
        before = self.calls_of(job, step)
        with self.calls.open("a") as file:
            file.write(line)
        return before

    def calls_of(self, job: object, step: str) -> int:
        if not self.calls.exists():
            return 0
        return self.calls.read_text().splitlines().count(f"{job} {step}")

    def sent(self) -> list[Sent]:
        """What the provider was sent in this cell."""
        names = {each.name for each in fields(Sent)}
        return [Sent(**{name: value for name, value in line.items() if name in names}) for line in self._lines()]

    def has_applied(self, key: str) -> bool:
        """Whether the provider has had the effect of this key."""
        return any(line["applied"] for line in self._lines() if line["key"] == key)

    def result(self, key: str) -> dict[str, Any]:
        """What it answered, or would have."""
        return {"effect": next(line["effect"] for line in self._lines() if line["key"] == key and line["applied"])}

    def _lines(self) -> Iterator[dict[str, Any]]:
        with self.log.open("rb") as file:
            file.seek(self.offset)
            whole, _, _torn = file.read().rpartition(b"\n")
        return map(json.loads, whole.splitlines())


here = World(url=os.environ.get("CRASH_MATRIX_SINK", ""))
"""Of this process; the tools of scenarios ask it."""
