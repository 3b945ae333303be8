"""`up`, in the foreground and in the background, and `down`."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from aetheris.services.child import wait_until
from aetheris.services.embedded import EmbeddedServices, Say
from aetheris.services.errors import ServiceError, Stopped
from aetheris.services.folder import DataFolder
from aetheris.services.instance import RUNNING, Instance, read_instance
from aetheris.services.options import Options
from aetheris.services.processes import end_leftovers, send, start_ticks
from aetheris.services.sockets import remove_sockets
from aetheris.services.supervisor import StopRequest, Supervisor

Healthy = Callable[[Instance], None]
STOP_SECONDS = 90.0


def up(options: Options, say: Say, healthy: Healthy) -> None:
    """Run an instance until it is asked to stop; if the folder has one, wait for its health and return."""
    services = EmbeddedServices(options.data)
    services.folder.make()
    with StopRequest() as request:
        try:
            found = _lock_or_find(services.folder, request)
            if found is not None:
                healthy(found)
                return
            Supervisor(options, services, request, say).run(healthy)
        except Stopped:
            pass
        finally:
            services.folder.unlock()


def up_in_background(options: Options, relay: Callable[[str], None]) -> Instance | None:
    """Start a detached supervisor and return its instance when it is healthy; None when the start failed.

    Whatever it says meanwhile goes to `relay`. A signal to the caller before that stops the supervisor too.
    """
    folder = DataFolder(options.data)
    running = read_instance(folder.path)
    if running is not None and running.state == RUNNING:
        return running
    folder.make()
    log = folder.logs / "supervisor.log"
    with StopRequest() as request, log.open("ab") as output:
        tail = _Tail(log, relay)
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "aetheris.services.background", json.dumps(asdict(options))],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            return _follow(folder, supervisor, request, tail.hand_on)
        except Stopped:
            supervisor.terminate()
            supervisor.wait()
            return None


def _follow(
    folder: DataFolder, supervisor: subprocess.Popen[bytes], request: StopRequest, relay: Callable[[], None]
) -> Instance | None:
    while True:
        ended = supervisor.poll() is not None
        relay()
        instance = read_instance(folder.path)
        if instance is not None and instance.state == RUNNING:
            return instance
        if ended:
            return None
        wait_until(lambda: False, 0.1, request.check)


def down(path: str | Path) -> bool:
    """Stop the instance of a folder, its data stays. False: none was running.

    A supervisor that does not stop in time is killed, which ends its children.
    """
    folder = DataFolder(path)
    # Between its lock and its first word a supervisor has no name yet.
    wait_until(lambda: not folder.is_locked() or read_instance(path) is not None, 5)
    instance = read_instance(path)
    if instance is None:
        if folder.is_locked():
            raise ServiceError(f"A process that is not a supervisor uses {folder.path}.", "End it by itself.")
        return False
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 10.0)):
        send(instance.pid, instance.ticks, number)
        if wait_until(lambda: start_ticks(instance.pid) != instance.ticks, seconds):
            _clear(folder)
            return True
    raise ServiceError(f"The supervisor {instance.pid} does not end.", "Look at its state with ps.")


def _clear(folder: DataFolder) -> None:
    """After a supervisor that was killed: nothing of it may stay. A new one that took over is left alone."""
    if folder.try_lock():
        end_leftovers("postgres", folder.postgres, signal.SIGQUIT)
        end_leftovers("valkey-server", folder.valkey, signal.SIGTERM)
        remove_sockets(folder)
        folder.unlock()


def _lock_or_find(folder: DataFolder, request: StopRequest) -> Instance | None:
    """Take the lock (None), or return the healthy instance that has it; await one that starts or stops."""
    while not folder.try_lock():
        instance = read_instance(folder.path)
        if instance is not None and instance.state == RUNNING:
            return instance
        wait_until(lambda: False, 0.1, request.check)
    return None


class _Tail:
    """Hands on what is appended to a log, once."""

    def __init__(self, log: Path, relay: Callable[[str], None]) -> None:
        self._log, self._relay = log, relay
        self._seen = log.stat().st_size if log.exists() else 0

    def hand_on(self) -> None:
        with self._log.open("rb") as file:
            file.seek(self._seen)
            text = file.read()
        self._seen += len(text)
        if text:
            self._relay(text.decode(errors="replace"))
