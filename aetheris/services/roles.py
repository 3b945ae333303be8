"""The processes of an instance besides its servers: web, workers, beat and companions."""

import http.client
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from aetheris.services.child import Child
from aetheris.services.errors import ServiceError
from aetheris.services.folder import DataFolder

Environ = Mapping[str, str]
QUEUES = "realtime,default,background,heavy"
READY_FILE = "AETHERIS_READY_FILE"
POOL_SIZE = "AETHERIS_DATABASE_POOL_SIZE"
CELERY = ("-m", "celery", "-A", "aetheris.celery")
# `aetheris.request` writes a line for each request. Clients and proxies keep an idle connection for up to a minute:
# were the web process the first to close it, it could do so just when a request is on its way.
WEB_OPTIONS = ("--no-access-log", "--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "5")


def module(name: str, arguments: tuple[str, ...], folder: DataFolder, environ: Environ) -> Child:
    """A child that runs this interpreter; with `-m` the current folder is importable."""
    return Child(name, [sys.executable, *arguments], log=folder.logs / f"{name}.log", environ=environ)


class Web(Child):
    """The web process, on a socket that the supervisor has bound."""

    settle_seconds = 0.0

    def __init__(self, folder: DataFolder, environ: Environ, descriptor: int, port: int) -> None:
        self._port = port
        self.answer = "no answer"
        options = ("--fd", str(descriptor), *WEB_OPTIONS)
        super().__init__(
            "web",
            [sys.executable, "-m", "uvicorn", "aetheris.asgi:application", *options],
            log=folder.logs / "web.log",
            environ=environ,
            descriptors=[descriptor],
        )

    def ready(self) -> bool:
        """Whether the health address answers 200; what it said else is kept in `answer`."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=1)
        try:
            connection.request("GET", "/api/health")
            response = connection.getresponse()
            text = response.read(200).decode(errors="replace")
            self.answer = f"/api/health answers {response.status}: {text}"
            return response.status == 200
        except (OSError, http.client.HTTPException) as error:
            self.answer = f"/api/health does not answer: {error!r}"
            return False
        finally:
            connection.close()


class Consumer(Child):
    """A Celery worker of any kind that loads `aetheris.services.ready`. It is ready when it says itself that it
    consumes."""

    settle_seconds = 0.0

    def __init__(self, name: str, arguments: tuple[str, ...], folder: DataFolder, environ: Environ) -> None:
        self._ready_file = folder.run / f"{name}.ready"
        super().__init__(
            name,
            [sys.executable, *arguments],
            log=folder.logs / f"{name}.log",
            environ={**environ, READY_FILE: str(self._ready_file)},
        )

    def prepare(self) -> None:
        """Forget the last run's word."""
        self._ready_file.unlink(missing_ok=True)

    def ready(self) -> bool:
        """Whether this run's process has written its pid."""
        return self._ready_file.exists() and self._ready_file.read_text() == str(self.pid)


class Worker(Consumer):
    """A worker with node threads."""

    def __init__(self, folder: DataFolder, environ: Environ, number: int, threads: int) -> None:
        name = f"worker-{number}"
        # Each node thread, the heartbeat and the receiver may need a connection at the same time.
        environ = {**environ, POOL_SIZE: str(threads + 4)}
        super().__init__(name, worker_command(f"{name}-{os.getpid()}@%h", threads), folder, environ)


def worker_command(name: str, threads: int, queues: str = QUEUES) -> tuple[str, ...]:
    """Arguments for the interpreter. Workers do not talk to each other: leases say who lives."""
    return _consumer_command(name, "threads", threads, queues)


def prefork_command(name: str, processes: int, queues: str = QUEUES) -> tuple[str, ...]:
    """The same for a worker that runs each node in a process."""
    return _consumer_command(name, "prefork", processes, queues)


def _consumer_command(name: str, pool: str, slots: int, queues: str) -> tuple[str, ...]:
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    options = ("--pool", pool, "--concurrency", str(slots), "-Q", queues, "-n", name)
    return (*CELERY, "worker", *options, *quiet, "-I", "aetheris.services.ready")


def beat_command() -> tuple[str, ...]:
    """Arguments for the interpreter."""
    return (*CELERY, "beat")


def companion(name: str, command: str, port: int, folder: DataFolder, environ: Environ) -> Child:
    """A program of the user's that is told its port and supervised like the rest."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ServiceError(f"--with {name}: {error} in {command!r}.", "Check its quotes.") from error
    log: Path = folder.logs / f"{name}.log"
    return Child(name, words, log=log, environ={**environ, "PORT": str(port)})
