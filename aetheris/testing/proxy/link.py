"""One client's connection through the proxy, and the one to the server that belongs to it."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

from aetheris.testing.proxy.postgres import IDLE, ClientMessages, Kind

if TYPE_CHECKING:
    from aetheris.testing.proxy.front import Front

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for nothing: closing sends RST."""
SERVER, CLIENT = "server", "client"


class End(asyncio.Protocol):
    """One of the two ends. It reads only while nothing stands against it."""

    transport: asyncio.Transport

    def __init__(self, link: "Link", name: str) -> None:
        self.name = name
        self._link = link
        self._obstacles: set[str] = set()
        self._reads = False
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._link.met(self)
        # A transport of Python 3.11.2 begins to read right after this, also one that was paused here.
        asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._reads = True
        for obstacle in self._obstacles:
            self.stop(obstacle)

    def data_received(self, data: bytes) -> None:
        self._link.heard(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._link.close()

    def pause_writing(self) -> None:
        self._link.other(self).stop("full")

    def resume_writing(self) -> None:
        self._link.other(self).go_on("full")

    def stop(self, obstacle: str) -> None:
        """Read nothing while this stands."""
        self._obstacles.add(obstacle)
        if self._reads and not self.transport.is_closing():
            self.transport.pause_reading()

    def go_on(self, obstacle: str) -> None:
        """This stands no more."""
        self._obstacles.discard(obstacle)
        if self._reads and not self._obstacles and not self.transport.is_closing():
            self.transport.resume_reading()

    def write(self, data: bytes, delay: float) -> None:
        """Pass on, in order, after that many seconds."""
        loop = asyncio.get_running_loop()
        self._due = max(self._due, loop.time() + delay)
        if not delay and self._due <= loop.time():
            self.transport.write(data)
        else:
            loop.call_at(self._due, self._write_late, data)

    def _write_late(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def close(self) -> None:
        """End it once it has had everything."""
        loop = asyncio.get_running_loop()
        if self._due > loop.time():
            loop.call_at(self._due, self.transport.close)
        else:
            self.transport.close()

    def reset(self) -> None:
        """End it as a host does that knows of no such connection."""
        found = self.transport.get_extra_info("socket")
        if found is not None and found.family != socket.AF_UNIX:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()


class Link:
    """Both ends, and what is done to what passes between them."""

    def __init__(self, front: "Front", number: int) -> None:
        self.number = number
        self.client = End(self, CLIENT)
        self.server = End(self, SERVER)
        self._front = front
        self._messages = ClientMessages() if front.speaks_postgres else None
        self._swallowed: bytes | None = None
        self._left: dict[str, int] = {}
        self._over = False
        self.is_stalled = False

    def met(self, end: End) -> None:
        """A client has come, or the server has taken its connection."""
        if end is self.client:
            self.client.stop("alone")
            self._front.took(self)
        elif self._over:
            end.transport.abort()
        else:
            self.client.go_on("alone")

    def other(self, end: End) -> End:
        return self.server if end is self.client else self.client

    def heard(self, end: End, data: bytes) -> None:
        """Pass on what one end has said, unless an order says otherwise."""
        if self._swallowed is not None and end is self.server:
            self._swallow(data)
        elif end is self.client and self._messages is not None:
            self._hear_messages(self._messages.feed(data))
        else:
            self._pass_on(self.other(end), data)

    def _hear_messages(self, messages: Iterable[tuple[Kind, bytes]]) -> None:
        for kind, message in messages:
            if kind is Kind.ENCRYPTION:
                # An encrypted COMMIT could not be seen.
                self.client.write(b"N", 0.0)
                continue
            cut = self._front.takes_commit() if kind is Kind.COMMIT else ""
            if cut == "before":
                self._front.did("commit cut before it was sent", self)
                self.reset()
                return
            self._pass_on(self.server, message)
            if cut == "after":
                self._swallowed = b""

    def _swallow(self, data: bytes) -> None:
        """Keep the server's answer from the client until the transaction has surely ended."""
        self._swallowed = (self._swallowed or b"") + data
        if IDLE in self._swallowed:
            self._front.did("commit cut before its answer", self)
            self.reset()

    def _pass_on(self, to: End, data: bytes) -> None:
        if to.name not in self._left and (after := self._front.takes_cut(to.name)) is not None:
            self._left[to.name] = after
        left = self._left.get(to.name)
        if left is None or left > len(data):
            to.write(data, self._front.delay)
            if left is not None:
                self._left[to.name] = left - len(data)
        elif not self._over:
            to.write(data[:left], 0.0)
            self._front.did("cut", self)
            self._over = True
            to.transport.close()
            self.other(to).reset()

    def stall(self) -> None:
        """Both ends stay connected and hear nothing."""
        self.is_stalled = True
        self._both(lambda end: end.stop("stalled"))

    def go_on(self) -> None:
        """What has been sent meanwhile arrives."""
        self.is_stalled = False
        self._both(lambda end: end.go_on("stalled"))

    def reset(self) -> None:
        """End both connections at once; what was under way is lost."""
        self._over = True
        self._both(End.reset)
        self._front.lost(self)

    def close(self) -> None:
        """One end has gone: the other is told, once it has had everything."""
        self._over = True
        self._both(End.close)
        self._front.lost(self)

    def _both(self, what: Callable[[End], None]) -> None:
        for end in (self.client, self.server):
            if hasattr(end, "transport"):
                what(end)
