"""Where something listens: `tcp:127.0.0.1:5432`, or `unix:/run/postgresql/.s.PGSQL.5432`."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

Factory = Callable[[], asyncio.Protocol]


@dataclass(frozen=True)
class Address:
    """A TCP port, or the path of a unix socket. Port 0 listens on any that is free."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `ValueError` for what is no address."""
        kind, _, rest = text.partition(":")
        if kind == "unix" and rest:
            return cls(path=rest)
        host, colon, port = rest.rpartition(":")
        if kind != "tcp" or not (host and colon):
            raise ValueError(f"{text!r} is neither tcp:HOST:PORT nor unix:PATH")
        return cls(host=host, port=int(port))

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"tcp:{self.host}:{self.port}"

    async def listen(self, factory: Factory) -> "Address":
        """Listen until the loop ends; where, now that a port is known."""
        loop = asyncio.get_running_loop()
        if self.path:
            Path(self.path).unlink(missing_ok=True)
            await loop.create_unix_server(factory, self.path)
            return self
        server = await loop.create_server(factory, self.host, self.port)
        return Address(self.host, int(server.sockets[0].getsockname()[1]))

    async def connect(self, factory: Factory) -> None:
        """Open one connection. Raises `OSError` when nobody listens."""
        loop = asyncio.get_running_loop()
        if self.path:
            await loop.create_unix_connection(factory, self.path)
        else:
            await loop.create_connection(factory, self.host, self.port)
