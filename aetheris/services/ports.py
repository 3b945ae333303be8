"""Ports on the loopback address."""

import socket

from aetheris.services.errors import ServiceError

TRIES = 100


def listen(first: int) -> socket.socket:
    """A listening socket on `first` or the next free port.

    It is bound once and handed to the web process, so no other process can take the port between a look and a
    bind, and requests wait, unrefused, while the web process is started again.
    """
    for port in range(first, min(first + TRIES, 65536)):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # uvicorn takes an inherited socket for a unix one and leaves Nagle on; accepted sockets inherit this.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(2048)
            return listener
        except PermissionError as error:
            listener.close()
            raise ServiceError(f"This user may not use port {port}.", "Choose one above 1023: --port.") from error
        except OSError:
            listener.close()
    raise ServiceError(
        f"No port from {first} to {min(first + TRIES, 65536) - 1} is free.", "Choose another one: --port."
    )


def free_port() -> int:
    """A port that was free a moment ago, for a program that must bind it itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
