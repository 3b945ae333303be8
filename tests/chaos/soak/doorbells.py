"""A thief at the broker: takes doorbells as a worker would, and loses each or gives it back twice."""

import threading
import time

import redis

from aetheris.services.roles import QUEUES
from tests.chaos.soak.history import History

PREFIX, SEPARATOR = "aetheris:", "\x06\x16"
STEPS = ("", *(f"{SEPARATOR}{priority}" for priority in range(2, 6)))
LISTS = [f"{PREFIX}{queue}{step}" for queue in QUEUES.split(",") for step in STEPS]
REST_SECONDS = 0.2
"""After what it gave back, so that it is not the one who takes that."""


class Thief(threading.Thread):
    """At work for some seconds."""

    def __init__(self, socket: str, history: History, *, doubled: bool, seconds: float) -> None:
        super().__init__(name="thief", daemon=True)
        self._broker = redis.Redis(unix_socket_path=socket, socket_timeout=2)
        self._history = history
        self._doubled = doubled
        self._ends = time.monotonic() + seconds

    def run(self) -> None:
        taken = 0
        try:
            while time.monotonic() < self._ends:
                taken += self._take()
        except redis.RedisError:
            """The broker was killed under its hands."""
        finally:
            self._broker.close()
        self._history.note("doorbells doubled" if self._doubled else "doorbells lost", number=taken)

    def _take(self) -> int:
        found = self._broker.brpop(LISTS, timeout=0.5)
        if found is None:
            return 0
        name, message = found
        if self._doubled:
            self._broker.lpush(name, message, message)
            time.sleep(REST_SECONDS)
        return 1
