"""Turns: each workload is done by each peer, one after the other, and that again and again."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.plan import SLOW, Turn
from benchmarks.servers import slow_flush

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 1_800.0
"""Seconds that a turn may take."""


def take(turn: Turn, python: Path, environ: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Measure; the lines, as they come."""
    with slow_flush(environ) if turn.workload == SLOW else nullcontext():
        for line in driven(turn.peer, [turn.word], python, environ):
            yield line | {"workload": turn.workload}


def driven(peer: str, words: Sequence[str], python: Path, environ: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """What the driver of a peer measures of these workloads. Nothing that it started outlives it."""
    driver = subprocess.Popen(
        [python, "-m", f"benchmarks.peers.{peer}", *words],
        stdout=subprocess.PIPE,
        env={**_clean(), "PYTHONPATH": str(ROOT), "BENCH_PEER": peer, **environ},
        cwd=ROOT,
        start_new_session=True,
        text=True,
    )
    too_long = threading.Timer(LONGEST, os.killpg, (driver.pid, signal.SIGKILL))
    too_long.start()
    try:
        assert driver.stdout is not None  # noqa: S101  it is a pipe
        for line in driver.stdout:
            if line.startswith("{"):
                yield json.loads(line)
        ended = os.waitid(os.P_PID, driver.pid, os.WEXITED | os.WNOWAIT)
        if ended is not None and ended.si_status:
            yield {"peer": peer, "workload": words[-1], "error": f"the driver ended with {ended.si_status}"}
    finally:
        too_long.cancel()
        # Until it is waited for, its group is surely its own.
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()


def _clean() -> dict[str, str]:
    """The environment without what was set for another installation or server."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AETHERIS_", "PG"))}
