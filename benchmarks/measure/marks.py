"""Marks: steps write down that they were reached, and when. A file, because every peer's steps can append to one."""

import os
import time
from collections.abc import Callable

from benchmarks.measure.environ import SCRATCH

FILE = SCRATCH / "marks"
SOON = 0.002


def mark(*words: object) -> None:
    """Note now. One short append to a local file is whole, whoever else appends."""
    descriptor = os.open(FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, (" ".join(map(str, words)) + f" {time.time():.6f}\n").encode())
    finally:
        os.close(descriptor)


def forget() -> None:
    """Begin anew."""
    FILE.write_bytes(b"")


def marks(about: str = "") -> dict[str, float]:
    """When each thing whose first word this is was noted first."""
    found: dict[str, float] = {}
    for line in FILE.read_text().splitlines() if FILE.exists() else []:
        what, _, at = line.rpartition(" ")
        if not about or what.split(" ", 1)[0] == about:
            found.setdefault(what, float(at))
    return found


def last(about: str = "done") -> float:
    """When the last of these was noted."""
    return max(marks(about).values())


def await_marks(count: int, seconds: float, about: str = "done", pause: float = 0.02) -> None:
    """Return when so many were noted. Raises `TimeoutError` with how many there are."""
    await_that(lambda: _lines() >= count and len(marks(about)) >= count, seconds, lambda: marks(about), pause)


def await_mark(what: str, seconds: float = 15.0) -> float:
    """When this was noted; looked for often."""
    await_that(lambda: what in marks(), seconds, lambda: what, SOON)
    return marks()[what]


def await_that(
    holds: Callable[[], object], seconds: float, seen: Callable[[], object] = str, pause: float = 0.02
) -> None:
    """Return when it holds. Raises `TimeoutError` with what is to be seen instead."""
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            found = seen()
            raise TimeoutError(f"not after {seconds:g} s: {len(found) if isinstance(found, dict) else found}")
        time.sleep(pause)


def _lines() -> int:
    return FILE.read_bytes().count(b"\n") if FILE.exists() else 0
