"""The payment provider of `aetheris.testing.sink` as what it is, a process, and its log."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


class SinkProcess:
    """A running sink: `url` is where it is, and what it has done stands in its `log`."""

    def __init__(self, log: Path) -> None:
        self.log = log
        command = [sys.executable, "-m", "aetheris.testing.sink", "--log", str(log)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        port = self._process.stdout.readline().strip() if self._process.stdout else ""
        self.url = f"http://127.0.0.1:{port}"

    def lines(self) -> list[dict[str, Any]]:
        """Each request, in the order of arrival."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def applied(self) -> int:
        """How many effects took place in all."""
        return sum(line["applied"] for line in self.lines())

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
