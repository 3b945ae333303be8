"""What a run says of the machine: enough to judge its figures, nothing that names it."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure.moment import flush


def about(repeat: int, disk: Path) -> dict[str, str]:
    return {
        "begun": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "Python": platform.python_version(),
        "flush": f"{flush(disk)} ms",
        "load": f"{os.getloadavg()[0]:.1f}",
        "repeats": str(repeat),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2] for line in lines if line.startswith("model name"))
    return next(names, platform.machine()).strip()
