"""Questions to the kernel about processes. A pid alone is never trusted: pids are used again."""

import os
import signal
import time
from pathlib import Path


def start_ticks(pid: int) -> int | None:
    """When it started, in clock ticks since boot; with the pid this names one process. None: it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def send(pid: int, ticks: int, number: signal.Signals) -> bool:
    """Signal exactly that process. False: it no longer exists (or the pid is somebody else's by now)."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        # The descriptor pins the process first, so that the pid cannot change hands after the comparison.
        if start_ticks(pid) != ticks:
            return False
        signal.pidfd_send_signal(descriptor, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)


def using(program: str, folder: Path) -> list[int]:
    """Pids of the processes of that program which got exactly this folder as an argument."""
    wanted = os.fsencode(folder)
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            arguments = Path(entry.path, "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if os.path.basename(arguments[0]) == program.encode() and wanted in arguments[1:]:
            found.append(int(entry.name))
    return found


def end_leftovers(program: str, folder: Path, first: signal.Signals) -> bool:
    """End what a dead supervisor left on a folder whose lock the caller holds. False: it would not go."""
    for number in (first, signal.SIGKILL):
        deadline = time.monotonic() + 5
        for pid in using(program, folder):
            ticks = start_ticks(pid)
            if ticks is not None:
                send(pid, ticks, number)
        while using(program, folder):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return True
    return False
