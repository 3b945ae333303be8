"""kombu's Redis transport with one client and one connection a channel: kombu makes a new client for each command,
which costs more than to send the command. Messages can be made before they are sent."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from threading import Lock
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from kombu.utils.json import dumps
from redis.exceptions import TimeoutError

TURN_SECONDS = 2.0
"""How long a thread waits for the others of its line."""

_held: ContextVar[list[Callable[[], None]] | None] = ContextVar("held", default=None)


@contextmanager
def held() -> Iterator[list[Callable[[], None]]]:
    """What is published in the body is not sent, but stands in the list. It may be sent at any time, in any thread."""
    messages: list[Callable[[], None]] = []
    token = _held.set(messages)
    try:
        yield messages
    finally:
        _held.reset(token)


def send(messages: Iterable[Callable[[], None]]) -> None:
    """Send what was held. Raises what publishing it would have raised."""
    for push in messages:
        push()


class Channel(redis.Channel):
    """A new client, and a new connection for messages, only where the pool behind them is a new one."""

    do_restore = False
    """What was taken and not begun when the broker went away is not sent once more: it may be begun here yet, and is
    found by looking."""
    _kept: Any = None
    _line: Any = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._turn = Lock()
        super().__init__(*arguments, **options)

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]  # the stubs do not know it
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[misc]
        return self._kept

    def _put(self, queue: str, message: dict[str, Any], **options: Any) -> None:
        if "_publish_batch" in options or self._expires:  # type: ignore[attr-defined]
            super()._put(queue, message, **options)
            return
        priority = self._get_message_priority(message, reverse=False)
        key = f"{self.global_keyprefix}{self._q_for_pri(queue, priority)}"  # type: ignore[attr-defined]
        push = partial(self._push, key, dumps(message))
        messages = _held.get()
        if messages is None:
            push()
        else:
            messages.append(push)

    def _push(self, key: str, text: str) -> None:
        if not self._turn.acquire(timeout=TURN_SECONDS):
            raise TimeoutError("others wait for an answer of Redis on this line")
        try:
            line = self._line = self._line or self.pool.get_connection()
            try:
                line.send_command("LPUSH", key, text)
                line.read_response()
            except BaseException:
                # What it says next may be the answer to this one.
                line.disconnect()
                raise
        finally:
            self._turn.release()

    def _disconnect_pools(self) -> None:
        self._line = None
        super()._disconnect_pools()  # type: ignore[misc]


class Transport(redis.Transport):
    Channel = Channel


def use() -> None:
    """Have every connection of this process to a Redis broker made by it."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
