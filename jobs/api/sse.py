"""Server-sent events: the text of a stream, and the one loop that all streams run through."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from django.db import InterfaceError, OperationalError
from django.http import StreamingHttpResponse
from rest_framework.renderers import BaseRenderer, JSONRenderer

from aetheris.conf import configuration
from jobs.api.hub import Scope

C = TypeVar("C")

MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
PADDING = 2048
"""A proxy that hands on nothing before it has so much hands on everything."""
RECONNECT_MS = 1000
SOON_SECONDS = 0.1
AWAY_SECONDS = 1.0
"""How long a stream waits for a database that does not answer, again and again."""
BEAT = b": still here\n\n"


class EventStream(BaseRenderer):
    """For negotiation alone: streams write themselves."""

    media_type = MEDIA_TYPE
    format = "sse"


@dataclass(frozen=True)
class Batch(Generic[C]):
    """What a look has found: the text of events behind a cursor, and the cursor behind them. `more`: there are others
    already; `soon`: there will be, without another doorbell; `ended`: there never will be."""

    text: bytes
    cursor: C
    more: bool = False
    soon: bool = False
    ended: bool = False


def written(cursor: str, event: dict[str, Any]) -> bytes:
    """One event as its subscribers get it; JSON has no line breaks."""
    data = JSONRenderer().render(event)
    return f"id: {cursor}\nevent: {event['type']}\ndata: ".encode() + data + b"\n\n"


def stream(frames: AsyncIterator[bytes]) -> StreamingHttpResponse:
    """The answer to whoever subscribes."""
    return StreamingHttpResponse(frames, content_type=f"{MEDIA_TYPE}; charset=utf-8", headers=HEADERS)


def opening(cursor: str) -> bytes:
    """The first words: a cursor to come back with, before there is any event."""
    return b":" + b" " * PADDING + f"\nretry: {RECONNECT_MS}\nid: {cursor}\n\n".encode()


async def follow(scope: Scope, cursor: C, look: Callable[[C], Batch[C]]) -> AsyncIterator[bytes]:
    """The text behind a cursor: what is there, then each thing as soon as it is committed. It ends with what it
    follows, or when its time is over."""
    conf = configuration()
    spoke = time.monotonic()
    ends = spoke + conf.stream_seconds
    while time.monotonic() < ends:
        rung = scope.rung
        try:
            batch = await scope.look(cursor, partial(look, cursor))
        except (OperationalError, InterfaceError):
            batch = Batch(b"", cursor, soon=True)
            await asyncio.sleep(AWAY_SECONDS)
        cursor = batch.cursor
        silent = time.monotonic() - spoke >= conf.heartbeat_seconds
        if text := batch.text or (BEAT if silent else b""):
            spoke = time.monotonic()
            yield text
        if batch.ended:
            return
        if not batch.more:
            pause = SOON_SECONDS if batch.soon else spoke + conf.heartbeat_seconds - time.monotonic()
            await scope.ring_after(rung, min(pause, ends - time.monotonic()))


def joined(frames: Iterable[bytes]) -> bytes:
    """Several events as one text: one write to the socket."""
    return b"".join(frames)
