"""Valkey of a data folder: the doorbells. It may lose the last second; the database knows the truth."""

import os
import signal
from pathlib import Path
from socket import AF_UNIX, socket

from aetheris.services.child import Child
from aetheris.services.errors import ServiceError
from aetheris.services.folder import DataFolder
from aetheris.services.identity import Identity
from aetheris.services.processes import end_leftovers
from aetheris.services.sockets import ensure_sockets

_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "save": "",
    "maxmemory-policy": "noeviction",
    # More than the default 16, so that each parallel test process has its own.
    "databases": "128",
    # Its arguments stay as they are, so that a leftover is found by its folder.
    "set-proc-title": "no",
}


class Valkey(Child):
    """The server, on a unix socket only."""

    def __init__(self, folder: DataFolder, program: Path, identity: Identity, sockets: Path) -> None:
        self._room, self._identity, self._sockets = folder.valkey, identity, sockets
        address = sockets / "valkey.sock"
        settings = _SETTINGS | {"unixsocket": str(address), "dir": str(folder.valkey)}
        super().__init__(
            "valkey",
            [program, *(part for name, value in settings.items() for part in (f"--{name}", value))],
            log=folder.logs / "valkey.log",
            environ=os.environ,
            prefix=identity.prefix,
        )
        self.socket = address

    @property
    def url(self) -> str:
        """Where Celery finds the broker (kombu's form)."""
        return f"redis+socket://{self.socket}"

    def prepare(self) -> None:
        """End a server that outlived its supervisor; make the folders if they are missing."""
        if not end_leftovers("valkey-server", self._room, signal.SIGTERM):
            raise ServiceError(f"A Valkey server still uses {self._room}.", "End it and start again.")
        ensure_sockets(self._sockets, self._identity)
        if not self._room.exists():
            self._room.mkdir(mode=0o700)
            self._identity.own(self._room)

    def ready(self) -> bool:
        """Whether it answers; it does not while it still loads its file."""
        try:
            with socket(AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
