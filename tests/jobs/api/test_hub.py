"""Streams that follow the same thing share one doorbell, and the last of them hangs it up, however it ends."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from jobs.api.hub import following


class Doorbell:
    """What happens to it, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def hearing(self, _: object) -> AbstractContextManager[None]:
        @contextmanager
        def hear() -> Iterator[None]:
            self.told.append("heard")
            yield
            self.told.append("hung up")

        return hear()

    async def stream(self, ends: asyncio.Event) -> None:
        async with following("job", self.hearing):
            self.told.append("followed")
            await ends.wait()


def test_the_last_stream_hangs_up() -> None:
    async def two(doorbell: Doorbell) -> None:
        first, second = asyncio.Event(), asyncio.Event()
        first.set()
        async with asyncio.TaskGroup() as streams:
            streams.create_task(doorbell.stream(second))
            await streams.create_task(doorbell.stream(first))
            assert "hung up" not in doorbell.told
            second.set()

    asyncio.run(two(doorbell := Doorbell()))
    assert doorbell.told == ["heard", "followed", "followed", "hung up"]


def test_a_stream_hangs_up_when_its_event_loop_is_closed() -> None:
    """As a web process does that has no time left: none but what is cancelled runs then."""

    async def leave(doorbell: Doorbell) -> "asyncio.Task[None]":
        left = asyncio.create_task(doorbell.stream(asyncio.Event()))
        while "followed" not in doorbell.told:
            await asyncio.sleep(0)
        return left

    assert asyncio.run(leave(doorbell := Doorbell())).cancelled()
    assert doorbell.told == ["heard", "followed", "hung up"]
