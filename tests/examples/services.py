"""Starts the demo's services as what they are: processes."""

import os
import subprocess
import sys
from pathlib import Path

import httpx


class Service:
    """One service of `examples.refund.world` on a free port, with its journal under `data`."""

    def __init__(self, name: str, data: Path, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"examples.refund.world.{name}"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PORT": "0", "AETHERIS_DATA": str(data), "OPENAI_API_KEY": "", **environment},
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().split()[1]
        self.journal = data / "world" / f"{name}.jsonl"
        self.pid = self._process.pid

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", trust_env=False)

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", json=body, headers=headers, trust_env=False)

    def end(self, *, kill: bool = False) -> int:
        """Stop it, with SIGKILL or SIGTERM, and return its exit code."""
        if kill:
            self._process.kill()
        else:
            self._process.terminate()
        code = self._process.wait(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code
