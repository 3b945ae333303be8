"""Heartbeat: one thread a process keeps the leases of its running nodes until their deadlines."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import DatabaseError, connection

from aetheris.conf import configuration
from jobs.models import Node

logger = logging.getLogger(__name__)

_held: set[UUID] = set()
_lock = threading.Lock()
_woken = threading.Condition(_lock)
_thread: threading.Thread | None = None


@contextmanager
def hold(token: UUID) -> Iterator[None]:
    """Keep the lease of `token` while the body runs."""
    global _thread
    with _woken:
        _held.add(token)
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_beat, name="heartbeat", daemon=True)
            _thread.start()
        _woken.notify()
    try:
        yield
    finally:
        with _lock:
            _held.discard(token)


def _beat() -> None:
    interval = configuration().lease_seconds / 3
    stop = threading.Event()
    while True:
        with _woken:
            _woken.wait_for(lambda: _held)
        stop.wait(interval)
        with _lock:
            tokens = list(_held)
        if tokens:
            _extend(tokens)


def _extend(tokens: list[UUID]) -> None:
    """A beat that fails is made good by the next: three fit into a lease."""
    try:
        Node.objects.extend_leases(tokens, configuration().lease_seconds)
    except DatabaseError as error:
        logger.warning("heartbeat failed: %s", error)
    finally:
        connection.close()
