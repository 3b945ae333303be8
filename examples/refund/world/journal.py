"""A service's log of the requests that reached it: JSON lines in a file that outlives the process."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

Line = dict[str, Any]


class Journal:
    """An append-only file. Once `append` has returned, the line is on the disk, whatever dies next.

    One process may write to it at a time.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._file = path.open("a+b")
        self._lines = self._reread()
        _sync_folder(path.parent)

    @classmethod
    def named(cls, name: str) -> "Journal":
        """The journal of the service `name`, in the folder of the runtime that it was started with."""
        return cls(Path(os.environ["AETHERIS_DATA"]) / "world" / f"{name}.jsonl")

    def append(self, line: Mapping[str, Any]) -> Line:
        """Write the line with its time; it is on the disk when this returns."""
        stamped = {"at": datetime.now(UTC).isoformat(), **line}
        with self._lock:
            self._file.write(json.dumps(stamped).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._lines.append(stamped)
        return stamped

    def lines(self) -> list[Line]:
        """Every line so far, the oldest first."""
        with self._lock:
            return list(self._lines)

    def _reread(self) -> list[Line]:
        self._file.seek(0)
        whole, newline, _torn = self._file.read().rpartition(b"\n")
        # A line without its end was never answered for: nobody was told that it is there.
        self._file.truncate(len(whole) + len(newline))
        return [json.loads(line) for line in whole.splitlines()]


def _sync_folder(folder: Path) -> None:
    """Make the file's name as durable as its lines."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
