"""What happened in a run, as it happened: one JSON line for each call of a client and each fault."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Line = dict[str, Any]


class History:
    """Lines in a file and in memory. Any thread may add to it."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a")
        self._lines: list[Line] = []
        self._adding = threading.Lock()

    def note(self, what: str, **about: Any) -> None:
        with self._adding:
            line = {"at": time.time(), "what": what, **about}
            self._lines.append(line)
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def of(self, what: str) -> list[Line]:
        """All lines that tell of this, in order."""
        with self._adding:
            return [line for line in self._lines if line["what"] == what]

    def __iter__(self) -> Iterator[Line]:
        with self._adding:
            return iter(list(self._lines))


def lines_of(file: Path) -> list[Line]:
    """Every whole line of a file that somebody may be writing."""
    whole, _, _torn = file.read_bytes().rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]
