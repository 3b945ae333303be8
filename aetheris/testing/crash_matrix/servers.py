"""What a matrix needs around it: a database that may be killed, and a provider with a log of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from aetheris.services import EmbeddedServices
from aetheris.services.child import Child, never, start_until_ready

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  the provider's fsync costs nothing there


class Servers:
    """Both, in temporary folders; a database that the environment names is used instead of one of their own. The
    environment leads to them from then on, so Django must not have been loaded before. They end with this process."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="aetheris-matrix-")
        shared = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
        self._witness = tempfile.TemporaryDirectory(prefix="aetheris-matrix-", dir=shared)
        self._services = EmbeddedServices(self._folder.name, fsync=False, environ=_given(os.environ))
        self.log = Path(self._witness.name) / "sink.ndjson"
        self.calls = Path(self._witness.name) / "calls"

    def __enter__(self) -> Self:
        self._services.start()
        self._sink = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "aetheris.testing.sink", "--log", self.log],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._sink.stdout is not None  # noqa: S101  it is a pipe
        os.environ["CRASH_MATRIX_SINK"] = f"http://127.0.0.1:{int(self._sink.stdout.readline())}"
        os.environ["AETHERIS_DATABASE_URL"] = self._services.database_url
        os.environ["AETHERIS_BROKER_URL"] = self._services.broker_url
        # Nobody is reached over TLS, and reading all certificates would be half of what a child does.
        os.environ["SSL_CERT_DIR"] = self._witness.name
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sink.kill()
        self._sink.wait()
        self._services.stop()
        self._witness.cleanup()
        self._folder.cleanup()

    @property
    def postmaster(self) -> int:
        """The main process of a database of their own; 0 without one, which then is not to be killed."""
        return self._database.pid if self._database else 0

    def restart_database(self) -> None:
        """Start it again, once its main process is dead."""
        assert self._database is not None  # noqa: S101  nobody can have killed it
        while self._database.alive():
            pass
        start_until_ready(self._database, 60, never)

    @property
    def _database(self) -> Child | None:
        return next((child for child in self._services.children if child.name == "postgres"), None)


def _given(environ: Mapping[str, str]) -> dict[str, str]:
    """No broker: doorbells go nowhere, and workers find what is due by themselves."""
    return {**environ, "AETHERIS_BROKER_URL": "memory://"}
