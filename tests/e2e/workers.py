"""Real worker processes on the test database, and the witness of what their tools did."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from aetheris.services.roles import worker_command
from jobs.models import Job
from tests import own_database

ROOT = Path(__file__).resolve().parents[2]
NO_BROKER = "redis+socket:///nobody/listens/here.sock"


class Workers:
    """Workers with four node threads each, unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *options: str, broker: str = NO_BROKER, **settings: str) -> subprocess.Popen[bytes]:
        """A worker process that has begun."""
        environ = {
            **os.environ,
            "AETHERIS_DATABASE_URL": own_database.url(),
            "AETHERIS_BROKER_URL": broker,
            "AETHERIS_APPS": "tests.e2e.shop",
            "AETHERIS_DATA": str(self._folder),
            **settings,
        }
        name = f"worker-{len(self._running)}"
        with (self._folder / f"{name}.log").open("wb") as log:
            command = [sys.executable, *worker_command(f"{name}-{os.getpid()}@%h", 4), *options]
            worker = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
        self._running.append(worker)
        return worker

    def logged(self, text: str) -> int:
        """How often a text stands in the logs."""
        return sum(log.read_text().count(text) for log in self._folder.glob("worker-*.log"))

    def calls(self, job: Job | None = None) -> list[dict[str, Any]]:
        """What the tools noted, of one job or of all."""
        file = self._folder / "witness.jsonl"
        calls = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [call for call in calls if job is None or call["job"] == str(job.pk)]

    def end(self) -> None:
        """Kill those that are left."""
        for worker in self._running:
            worker.kill()
            worker.wait()
