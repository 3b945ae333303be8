"""Turns: each workload is done by each peer, one after the other, and that again and again."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 1_800.0
"""Seconds that one workload of one peer may take."""


def drive(peer: str, python: str | Path, words: Sequence[str], environ: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Run a peer's driver; its measurements, as they come. Nothing that it started outlives it."""
    driver = subprocess.Popen(
        [python, "-m", f"benchmarks.peers.{peer}", *words],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BENCH_PEER": peer, **environ},
        cwd=ROOT,
        start_new_session=True,
        text=True,
    )
    assert driver.stdout is not None  # noqa: S101  it is a pipe
    try:
        for line in driver.stdout:
            if line.startswith("{"):
                yield json.loads(line)
    finally:
        # Not yet waited for, its group surely is its own.
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
