"""Listener: one thread and one connection per process hear all doorbells that somebody in it waits for."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from redis.connection import ConnectionInterface
from redis.exceptions import RedisError, TimeoutError

from aetheris.live.connection import connect, has_redis
from aetheris.live.doorbell import Doorbell, read

logger = logging.getLogger(__name__)

CONFIRM_SECONDS = 0.25
"""How long somebody waits for Redis to say that it will ring; without that word he is told by the next look."""
LOOK_SECONDS = 2.0
"""How often one look asks the database about all that is waited for: doorbells may be lost."""
ALONE_SECONDS = 1.0
"""The same where the broker cannot ring."""
PING_SECONDS = 5.0
AGAIN_SECONDS = 0.5

Ring = Callable[[Doorbell | None], None]
"""Is told a doorbell, in a thread of the listener's; None: there may be one that was not heard."""
Look = Callable[[Collection[str]], Mapping[str, Doorbell | None]]
"""What the database says of these channels; None where it cannot be said in short."""


@dataclass
class _Channel:
    rings: list[Ring] = field(default_factory=list)
    confirmed: threading.Event = field(default_factory=threading.Event)
    seq: int = 0
    """Of the last doorbell."""
    is_new: bool = True


class Listener:
    """Who hears a channel is rung for each doorbell from the moment at which `hearing` has begun, and in any case a
    few seconds after the commit."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._channels: dict[str, _Channel] = {}
        self._lock = threading.Lock()
        self._connection: ConnectionInterface | None = None
        self._somebody = threading.Event()
        self._has_begun = False

    @contextmanager
    def hearing(self, channel: str, ring: Ring) -> Iterator[None]:
        """While the body runs, `ring` is told what rings on a channel, or on all that fit a pattern (`…*`)."""
        heard = self._enter(channel, ring)
        try:
            heard.confirmed.wait(CONFIRM_SECONDS if has_redis() else 0)
            yield
        finally:
            self._leave(channel, ring)

    def _enter(self, channel: str, ring: Ring) -> _Channel:
        with self._lock:
            heard = self._channels.get(channel)
            if heard is None:
                heard = self._channels[channel] = _Channel()
                self._tell("SUBSCRIBE", channel)
            heard.rings.append(ring)
            self._somebody.set()
            if not self._has_begun:
                self._has_begun = True
                for work in (self._listen, self._look_again) if has_redis() else (self._look_again,):
                    threading.Thread(target=work, name=work.__name__, daemon=True).start()
        return heard

    def _leave(self, channel: str, ring: Ring) -> None:
        with self._lock:
            heard = self._channels[channel]
            heard.rings.remove(ring)
            if not heard.rings:
                del self._channels[channel]
                self._tell("UNSUBSCRIBE", channel)
            if not self._channels:
                self._somebody.clear()

    def _tell(self, command: str, *channels: str) -> None:
        """Under the lock. What cannot be told now is told when the connection is there again."""
        try:
            for channel in channels if self._connection else ():
                kind = "P" if channel.endswith("*") else ""
                self._connection.send_command(kind + command, channel, check_health=False)  # type: ignore[union-attr]
        except (RedisError, OSError):
            self._connection = None

    def _listen(self) -> None:
        while self._somebody.wait():
            try:
                self._hear(connect(PING_SECONDS))
            except (RedisError, OSError, ValueError) as error:
                if self._somebody.is_set():
                    logger.warning("doorbells are not heard, looking each %.0f s instead: %s", LOOK_SECONDS, error)
            with self._lock:
                self._connection = None
                for heard in self._channels.values():
                    heard.confirmed.clear()
            time.sleep(AGAIN_SECONDS)

    def _hear(self, connection: ConnectionInterface) -> None:
        """Until the connection is lost: hear all that is waited for. What rang before is asked of the database."""
        with self._lock:
            self._connection = connection
            self._tell("SUBSCRIBE", *self._channels)
        is_asked = False
        while self._connection is connection:
            try:
                message = connection.read_response(disable_decoding=True, disconnect_on_error=False)
                is_asked = False
            except TimeoutError:
                if is_asked:
                    raise
                is_asked = True
                with self._lock:
                    connection.send_command("PING", check_health=False)
                continue
            self._take([part.decode() if isinstance(part, bytes) else str(part) for part in message])

    def _take(self, message: list[str]) -> None:
        match message:
            case ["subscribe" | "psubscribe", channel, _]:
                self._confirm(channel)
            case ["message", channel, text] | ["pmessage", channel, _, text]:
                self._ring(channel, read(text))

    def _confirm(self, channel: str) -> None:
        heard = self._channels.get(channel)
        if heard is None:
            return
        heard.confirmed.set()
        if not heard.is_new:
            self._ring(channel, None)
        heard.is_new = False

    def _ring(self, channel: str, doorbell: Doorbell | None) -> None:
        with self._lock:
            heard = self._channels.get(channel)
            rings = list(heard.rings) if heard else []
            if heard and doorbell:
                heard.seq = max(heard.seq, doorbell.seq)
        for ring in rings:
            try:
                ring(doorbell)
            except Exception as error:
                # Such as a stream whose event loop has been closed: the others wait on.
                logger.warning("somebody who waits for %s cannot be told: %s", channel, error)

    def _look_again(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS if has_redis() else ALONE_SECONDS)
            self._somebody.wait()
            with self._lock:
                known = {channel: heard.seq for channel, heard in self._channels.items()}
            try:
                found = self._look(known)
            except Exception as error:
                logger.warning("nobody knows whether doorbells were lost: %s", error)
                continue
            for channel, doorbell in found.items():
                if doorbell is None or doorbell.seq > known[channel]:
                    self._ring(channel, doorbell)
