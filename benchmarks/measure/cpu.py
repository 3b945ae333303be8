"""CPU seconds and memory of process trees, as the kernel counts them."""

import os
from collections.abc import Iterable
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of these processes and all under them; who has ended counts with whoever waited for it."""
    processes = _processes()
    return sum(processes[pid][1] for pid in tree(roots, processes))


def tree(roots: Iterable[int], processes: dict[int, tuple[int, float]] | None = None) -> list[int]:
    """These processes and all under them, those that live."""
    processes = _processes() if processes is None else processes
    found = [pid for pid in dict.fromkeys(roots) if pid in processes]
    for pid in found:
        found += [child for child, (parent, _) in processes.items() if parent == pid and child not in found]
    return found


def memory(roots: Iterable[int]) -> float:
    """Megabytes of these processes and all under them, shared pages divided among those who share them."""
    kilobytes = 0
    for pid in tree(roots):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return round(kilobytes / 1024, 1)


def _processes() -> dict[int, tuple[int, float]]:
    """Pid → parent and CPU seconds, with those of the children that it has waited for."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:15])) * _TICK)
    return found
