"""What the run that started this process says: where the servers are, which processes they are, where to write."""

import os
import tempfile
from pathlib import Path

SCRATCH = Path(os.environ.get("BENCH_SCRATCH", tempfile.gettempdir()))
"""A folder for marks, logs and the data of peers; a run's own."""
PROGRAMS = Path(os.environ.get("BENCH_POSTGRES_PROGRAMS", ""))
POSTGRES = os.environ.get("BENCH_POSTGRES", "")
"""The URL of a database of the server, with its name left open."""
BROKER = os.environ.get("BENCH_BROKER", "")
SERVERS = {name: int(os.environ.get(f"BENCH_{name.upper()}_PID", 0)) for name in ("postgres", "valkey")}
THREADS = int(os.environ.get("BENCH_THREADS", "4"))
"""How many threads a worker process has, where the peer has threads."""
QUICK = bool(os.environ.get("BENCH_QUICK"))
"""Idle times are short: this run only shows that everything works."""


def logs() -> Path:
    """The folder of the logs."""
    folder = SCRATCH / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
