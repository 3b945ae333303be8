"""Heartbeat: one thread a process keeps the leases of its running nodes, and hears when they should stop."""

import logging
import threading
import time
from contextlib import AbstractContextManager
from functools import lru_cache
from uuid import UUID

from django.db import Error, connection

from aetheris import failpoints
from aetheris.conf import configuration
from aetheris.core.context import StopRequest
from jobs.models import Node

logger = logging.getLogger(__name__)

LISTEN_SECONDS = 1.0


class Heartbeat:
    """Extends every held lease three times in its length, so that two beats may be lost, and asks about once a
    second which of them should stop. A node past its deadline is no longer extended."""

    def __init__(self, lease_seconds: float) -> None:
        self._lease_seconds = lease_seconds
        self._held: dict[UUID, StopRequest] = {}  # each use of it is one operation, so that it needs no lock
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def hold(self, token: UUID) -> AbstractContextManager[StopRequest]:
        """Keep the lease of `token` while the body runs; what is yielded tells whether it should stop."""
        if not self._is_beating():
            self._begin()
        return _Hold(self._held, token)

    def _is_beating(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _begin(self) -> None:
        with self._starting:
            if not self._is_beating():
                self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        pause, extended = threading.Event(), time.monotonic()
        interval = self._lease_seconds / 3
        while True:
            pause.wait(min(LISTEN_SECONDS, interval))
            held = self._held.copy()
            beat = time.monotonic() - extended >= interval
            if held and self._ask(held, beat=beat) and beat:
                extended = time.monotonic()

    def _ask(self, held: dict[UUID, StopRequest], *, beat: bool) -> bool:
        try:
            if beat:
                with failpoints.around("renew.commit"):
                    Node.objects.extend_leases(list(held), self._lease_seconds)
            for token, reason in Node.objects.stopping(list(held)).items():
                held[token].reason = reason
        except Error as error:
            logger.warning("a heartbeat failed, the next one makes up for it: %s", error)
            return False
        else:
            return True
        finally:
            connection.close()


class _Hold:
    def __init__(self, held: dict[UUID, StopRequest], token: UUID) -> None:
        self._held = held
        self._token = token

    def __enter__(self) -> StopRequest:
        stop = self._held[self._token] = StopRequest()
        return stop

    def __exit__(self, *_: object) -> None:
        self._held.pop(self._token, None)


@lru_cache(maxsize=1)
def of_this_process() -> Heartbeat:
    """The one heartbeat of this process."""
    return Heartbeat(configuration().lease_seconds)
