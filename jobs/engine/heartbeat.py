"""Heartbeat: one thread a process keeps the leases of its running nodes until their deadlines."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from uuid import UUID

from django.db import DatabaseError, connection

from aetheris.conf import configuration
from jobs.models import Node

logger = logging.getLogger(__name__)


class Heartbeat:
    """Extends every held lease three times in its length, so that two beats may be lost. Seconds."""

    def __init__(self, lease_seconds: float) -> None:
        self._lease_seconds = lease_seconds
        self._held: set[UUID] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def hold(self, token: UUID) -> Iterator[None]:
        """Keep the lease of `token` while the body runs."""
        with self._changed:
            self._held.add(token)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
                self._thread.start()
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._held.discard(token)

    def _beat(self) -> None:
        pause = threading.Event()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._held)
            pause.wait(self._lease_seconds / 3)
            with self._changed:
                tokens = list(self._held)
            if tokens:
                self._extend(tokens)

    def _extend(self, tokens: list[UUID]) -> None:
        try:
            Node.objects.extend_leases(tokens, self._lease_seconds)
        except DatabaseError as error:
            logger.warning("a heartbeat failed, the next one makes up for it: %s", error)
        finally:
            connection.close()


@lru_cache(maxsize=1)
def of_this_process() -> Heartbeat:
    """The one heartbeat of this process."""
    return Heartbeat(configuration().lease_seconds)
