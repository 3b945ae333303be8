"""What a run says of the machine: enough to judge its figures, nothing that names it."""

import os
import platform
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

_FLUSHES = 200


def about(repeat: int, disk: Path) -> dict[str, str]:
    return {
        "begun": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "Python": platform.python_version(),
        "flush": f"{_flush_milliseconds(disk):.2f} ms",
        "load": f"{os.getloadavg()[0]:.1f}",
        "repeats": str(repeat),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2] for line in lines if line.startswith("model name"))
    return next(names, platform.machine()).strip()


def _flush_milliseconds(disk: Path) -> float:
    """The usual time of one small write that is to survive a loss of power, where the servers write."""
    took = []
    with tempfile.TemporaryFile(dir=disk) as file:
        for _ in range(_FLUSHES):
            file.write(b"x" * 512)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(1_000 * (time.perf_counter() - began))
    return statistics.median(took)
