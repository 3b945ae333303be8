"""A TCP line to a unix socket that can be stalled: it keeps every connection open, and nothing gets through."""

import socket
import threading
from contextlib import suppress


class Line:
    """Listens on a port of its own and forwards what comes, both ways, unless it is stalled."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._flowing = threading.Event()
        self._flowing.set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """From now on nothing gets through."""
        self._flowing.clear()

    def resume(self) -> None:
        """What was held back goes through, and everything after it."""
        self._flowing.set()

    def close(self) -> None:
        self.resume()
        for end in (self._server, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._upstream)
                self._ends += (near, far)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
