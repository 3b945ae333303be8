"""How fast the machine is just now: a measurement beside a high figure was made at a slow moment."""

import os
import statistics
import tempfile
import time
from pathlib import Path

_ROUNDS = 500_000
_FLUSHES = 20


def spin() -> float:
    """CPU milliseconds of a fixed loop."""
    began, total = time.process_time(), 0
    for number in range(_ROUNDS):
        total += number * number
    return round(1000 * (time.process_time() - began), 1)


def flush(disk: Path) -> float:
    """Milliseconds of a small write that is to survive a loss of power."""
    took = []
    with tempfile.TemporaryFile(dir=disk) as file:
        for _ in range(_FLUSHES):
            file.write(b"x" * 512)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(1000 * (time.perf_counter() - began))
    return round(statistics.median(took), 2)
