"""The processes of a peer: started with a log, ended with all that they started."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.measure.cpu import cpu_seconds, tree
from benchmarks.measure.environ import logs

_A_WHILE = 0.5
_RESTING = 0.1
"""Of a core."""
_started: list[subprocess.Popen[bytes]] = []


def start(
    name: str, command: Sequence[str | Path], environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> int:
    """The pid of a new process; what it says goes to the log of that name."""
    with (logs() / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(environ or {})}, cwd=folder
        )
    _started.append(process)
    return process.pid


def is_alive(pid: int) -> bool:
    """Whether this process, which was started here, still runs."""
    return any(process.pid == pid and process.poll() is None for process in _started)


def settle(pids: Sequence[int], seconds: float = 30.0) -> None:
    """Return when these use next to no CPU any more: whatever they do at their start is done. One that never rests
    is given this long."""
    ends, used = time.monotonic() + seconds, cpu_seconds(pids)
    while time.monotonic() < ends:
        time.sleep(_A_WHILE)
        before, used = used, cpu_seconds(pids)
        if used - before < _RESTING * _A_WHILE:
            return


def kill(pid: int) -> None:
    """Kill -9 a process and all under it, at once."""
    for each in tree([pid]):
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def end_all() -> None:
    """End all that were started here, at once: nothing of theirs is used again."""
    for process in _started:
        if process.poll() is None:
            kill(process.pid)
            process.wait()
    _started.clear()
