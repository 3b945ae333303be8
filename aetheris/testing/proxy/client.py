"""The proxy from outside: starts its process and gives it orders."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from aetheris.testing.proxy.address import Address


class Proxy:
    """A proxy process in front of servers: for each front where it listens and what is behind it.

    `postgres` names the fronts whose COMMITs can be cut. It ends with `stop`, or with the process that started it.
    """

    def __init__(
        self, fronts: Mapping[str, tuple[str, str]], *, postgres: tuple[str, ...] = (), log: Path | None = None
    ) -> None:
        command = [sys.executable, "-m", "aetheris.testing.proxy"]
        command += [f"{name}={listen},{target}" for name, (listen, target) in fronts.items()]
        command += [part for name in postgres for part in ("--postgres", name)]
        command += ["--log", str(log)] if log else []
        self._ordering = threading.Lock()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._orders, self._answers = cast("IO[str]", self.process.stdin), cast("IO[str]", self.process.stdout)
        self.addresses = {name: Address.parse(text) for name, text in self._answer().items()}
        """Where each front listens."""

    def order(self, front: str, do: str, **how: Any) -> int:
        """Have something done at a front (`aetheris.testing.proxy.front`); how many connections it has now.

        Raises `ValueError` for an order that there is not.
        """
        with self._ordering:
            self._orders.write(json.dumps({"front": front, "do": do, **how}) + "\n")
            self._orders.flush()
            answer = self._answer()
        if "error" in answer:
            raise ValueError(answer["error"])
        return int(answer["links"])

    def stop(self) -> None:
        """End the process, and with it every connection."""
        self.process.kill()
        self.process.communicate()

    def _answer(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            raise RuntimeError("the proxy has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
