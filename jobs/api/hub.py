"""Hub: all streams of one event loop that follow the same thing share its doorbell and each look at the database."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from aetheris.api.asynchronous import read
from aetheris.live.listener import Ring

Hearing = Callable[[Ring], AbstractContextManager[None]]


class Scope:
    """What some streams follow: a job, or all jobs of a tenant. `rung` counts its doorbells."""

    def __init__(self, hearing: Hearing) -> None:
        self._loop = asyncio.get_running_loop()
        self._hearing = hearing(self._heard)
        self._changed = asyncio.Event()
        self._looks: dict[Hashable, asyncio.Future[Any]] = {}
        self.streams = 0
        self.rung = 0
        self.heard = asyncio.ensure_future(read(self._hearing.__enter__))

    def _heard(self, _: object) -> None:
        """In the listener's thread."""
        self._loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        self.rung += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def ring_after(self, rung: int, seconds: float) -> None:
        """Wait for one more doorbell than `rung`, so long."""
        if self.rung == rung:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()

    async def look(self, at: Hashable, call: Callable[[], Any]) -> Any:
        """What `call` answers. Who looks at the same place since the same doorbell gets the same answer."""
        place = at, self.rung
        if place not in self._looks:
            self._looks[place] = asyncio.ensure_future(read(call))
            self._looks[place].add_done_callback(lambda _: self._looks.pop(place, None))
        return await asyncio.shield(self._looks[place])

    def end(self) -> None:
        """Nobody follows it any more. Also in a loop that is being closed: no task is needed for it."""
        self.heard.add_done_callback(self._hang_up)

    def _hang_up(self, heard: "asyncio.Future[None]") -> None:
        if not heard.cancelled() and heard.exception() is None:
            self._hearing.__exit__(None, None, None)


_scopes: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Scope]] = WeakKeyDictionary()


@asynccontextmanager
async def following(name: Hashable, hearing: Hearing) -> AsyncIterator[Scope]:
    """The scope of this name, shared with whoever follows it too; from here on no doorbell of it is missed."""
    scopes = _scopes.setdefault(asyncio.get_running_loop(), {})
    if name not in scopes:
        scopes[name] = Scope(hearing)
    scope = scopes[name]
    scope.streams += 1
    try:
        await asyncio.shield(scope.heard)
        yield scope
    finally:
        scope.streams -= 1
        if not scope.streams:
            del scopes[name]
            scope.end()
