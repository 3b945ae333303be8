"""Many who listen at once, and proxies that would rather keep what they are given."""

import asyncio
import json
import resource
import time
from collections.abc import Iterator

import httpx
import pytest
from django.db import connection

from aetheris.conf import configuration
from jobs.engine.cancel import cancel
from jobs.models import Job
from tests.doors import REQUESTER, Door, door, finishing
from tests.web import serving
from tests.world import Doorbells, Registered, World, submitted

STREAMS = 500


@pytest.fixture
def many_files() -> Iterator[None]:
    """A shell's usual limit is lower than what one process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def web(database: None, many_files: None) -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def requester(doorbells: Doorbells, registered: Registered, world: World) -> Door:
    finishing(registered, world)
    return door("requester", *REQUESTER)


class Listeners:
    """Many raw connections to one web process."""

    def __init__(self, web: str, token: str) -> None:
        url = httpx.URL(web)
        self._host, self._port, self._token = url.host, url.port, token
        self._streams: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def open(self, paths: list[str]) -> None:
        """All of these streams, until each has said its first words."""
        for begin in range(0, len(paths), 50):
            await asyncio.gather(*map(self._open, paths[begin : begin + 50]))

    async def _open(self, path: str) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        head = f"GET /api/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token {self._token}\r\n\r\n"
        writer.write(head.encode())
        async with asyncio.timeout(60):
            await reader.readuntil(b"retry: 1000\nid: ")
        self._streams.append((reader, writer))

    async def hear(self, events: int, seconds: float) -> list[list[tuple[str, int]]]:
        """The next so many events of each: job and number."""
        async with asyncio.timeout(seconds):
            return await asyncio.gather(*(self._hear(reader, events) for reader, _ in self._streams))

    async def _hear(self, reader: asyncio.StreamReader, events: int) -> list[tuple[str, int]]:
        heard: list[tuple[str, int]] = []
        while len(heard) < events:
            line = await reader.readline()
            if line.startswith(b"data: "):
                event = json.loads(line.removeprefix(b"data: "))
                heard.append((event["job_id"], event["seq"]))
        return heard

    def close(self) -> None:
        for _, writer in self._streams:
            writer.close()


def test_five_hundred_hear_everything_from_one_process(web: str, requester: Door) -> None:
    """Half of them follow all jobs, half one; all hear of a commit within a second, and nobody holds a connection."""
    one = submitted()
    half = STREAMS // 2

    async def listen() -> tuple[list[list[tuple[str, int]]], float, int]:
        listeners = Listeners(web, requester.token)
        await listeners.open(["events/stream"] * half + [f"jobs/{one.pk}/events/stream?cursor=1"] * half)
        held = await asyncio.to_thread(_connections)
        began = time.monotonic()
        await asyncio.to_thread(_cancelled, one)
        heard = await listeners.hear(2, 30)
        took = time.monotonic() - began
        listeners.close()
        return heard, took, held

    heard, took, held = asyncio.run(listen())
    expected = [(str(one.pk), 2), (str(one.pk), 3)]
    assert heard == [expected] * STREAMS
    assert took < 5
    assert held <= configuration().database_pool_size


def test_a_proxy_that_keeps_what_it_gets_and_hangs_up_on_silence(
    web: str, requester: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As nginx does unless it is told not to: 4 KiB before anything is handed on, and an end after two silent beats."""
    monkeypatch.setattr(configuration(), "heartbeat_seconds", 0.2)
    job = submitted()

    async def through_the_proxy() -> list[str]:
        proxy = await asyncio.start_server(lambda *ends: _buffering(web, *ends), "127.0.0.1", 0)
        port = proxy.sockets[0].getsockname()[1]
        listeners = Listeners(f"http://127.0.0.1:{port}/", requester.token)
        await listeners.open([f"jobs/{job.pk}/events/stream?cursor=1"])
        await asyncio.sleep(1.5)
        await asyncio.to_thread(_cancelled, job)
        (heard,) = await listeners.hear(2, 5)
        listeners.close()
        proxy.close()
        return [str(seq) for _, seq in heard]

    assert asyncio.run(through_the_proxy()) == ["2", "3"]


async def _buffering(web: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    url = httpx.URL(web)
    upstream, ahead = await asyncio.open_connection(url.host, url.port)
    ahead.write(await reader.readuntil(b"\r\n\r\n"))
    head = await upstream.readuntil(b"\r\n\r\n")
    keeps = b"x-accel-buffering: no" not in head.lower()
    kept = head
    while True:
        if not keeps or len(kept) >= 4096:
            writer.write(kept)
            kept = b""
        try:
            kept += await asyncio.wait_for(upstream.read(65536), 0.5)
        except TimeoutError:
            writer.close()
            return


def _cancelled(job: Job) -> None:
    try:
        cancel(job.pk, actor="user:1/requester", reason="")
    finally:
        connection.close()


def _connections() -> int:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            return int(cursor.fetchone()[0])
    finally:
        connection.close()
