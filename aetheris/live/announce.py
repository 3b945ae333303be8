"""Announce: after a commit, tell whoever listens that jobs have news, at the cost of one write to a socket."""

import logging
import os
import threading
import time
from collections.abc import Mapping

from redis.connection import ConnectionInterface
from redis.exceptions import RedisError

from aetheris.live.connection import connect, has_redis
from aetheris.live.doorbell import Doorbell

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.2
TURN_SECONDS = 0.05
"""How long a thread waits for its turn; then its doorbell is dropped."""
REST_SECONDS = 5.0
"""How long nothing is sent to a Redis that did not take a doorbell."""


class _Line:
    """One connection for all threads of a process. Redis is told not to answer on it."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._connection: ConnectionInterface | None = None
        self._rests_until = 0.0

    def send(self, commands: bytes) -> None:
        if time.monotonic() < self._rests_until or not self._turn.acquire(timeout=TURN_SECONDS):
            return
        try:
            self._send(commands)
        except Exception as error:
            self._connection = None
            self._rests_until = time.monotonic() + REST_SECONDS
            logger.warning("no doorbells for those who listen, for %.0f s: %s", REST_SECONDS, error)
        finally:
            self._turn.release()

    def _send(self, commands: bytes) -> None:
        """A connection that was open may have been ended by the server: then once more, on a new one."""
        if self._connection is not None:
            try:
                self._connection.send_packed_command([commands], check_health=False)
                return
            except RedisError:
                self._connection = None
        self._connection = connect(TIMEOUT_SECONDS)
        self._connection.send_command("CLIENT", "REPLY", "OFF", check_health=False)
        self._connection.send_packed_command([commands], check_health=False)


_line = _Line()


def announce(doorbells: Mapping[str, Doorbell]) -> None:
    """Ring on these channels for jobs whose events are committed. Never raises, and waits at most for a part of a
    second for a Redis that takes nothing, once in five seconds; a doorbell that is lost delays those who listen by
    seconds."""
    if doorbells and has_redis():
        _line.send(b"".join(_publish(channel.encode(), str(bell).encode()) for channel, bell in doorbells.items()))


def _publish(channel: bytes, text: bytes) -> bytes:
    """The command as Redis reads it from the line."""
    return b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(channel), channel, len(text), text)


def _after_fork() -> None:
    """The parent's connection and turn stay the parent's."""
    global _line
    _line = _Line()


os.register_at_fork(after_in_child=_after_fork)
