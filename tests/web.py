"""A real web process for tests of what stays open: uvicorn in a thread, on this test's database."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from django.db.backends.signals import connection_created

from aetheris.asgi import application


@dataclass(frozen=True)
class Heard:
    """One event of a stream."""

    id: str
    type: str
    data: dict[str, Any]


@contextmanager
def serving() -> Iterator[str]:
    """The address of a web process that lives as long as the body."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api/"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
        listening.close()


@contextmanager
def counting() -> Iterator[list[str]]:
    """The statements of all threads of this process, but of the one look for all who wait."""
    statements: list[str] = []

    def count(execute: Callable[..., Any], *call: Any) -> Any:
        if threading.current_thread().name != "_look_again":
            statements.append(call[0])
        return execute(*call)

    def listen(connection: Any, **_: Any) -> None:
        if count not in connection.execute_wrappers:
            connection.execute_wrappers.append(count)

    connection_created.connect(listen)
    try:
        yield statements
    finally:
        connection_created.disconnect(listen)


class Subscriber:
    """Reads one stream of events; `cursor` is where it stands, as a browser remembers it."""

    def __init__(self, url: str, token: str, path: str, cursor: str = "") -> None:
        self.cursor = cursor
        self.headers: httpx.Headers = httpx.Headers()
        self._url, self._token, self._path = url, token, path

    def events(self, until: int | None = None, seconds: float = 10.0) -> Iterator[Heard]:
        """So many events, or all until the stream ends, then the connection is cut. Fails when one takes longer."""
        headers = {"Authorization": f"Token {self._token}", "Accept": "text/event-stream"}
        if self.cursor:
            headers["Last-Event-ID"] = self.cursor
        left = until
        with httpx.stream("GET", self._url + self._path, headers=headers, timeout=seconds) as response:
            assert response.status_code == 200, response.read()
            self.headers = response.headers
            for block in _blocks(response):
                self.cursor = block.get("id", self.cursor)
                if "data" in block:
                    yield Heard(self.cursor, block["event"], json.loads(block["data"]))
                    left = None if left is None else left - 1
                    if left == 0:
                        return


def _blocks(response: httpx.Response) -> Iterator[dict[str, str]]:
    block: dict[str, str] = {}
    for line in response.iter_lines():
        if not line:
            yield block
            block = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            block[name] = value
