"""Hearing: whether doorbells reach this worker. One that hears none still finds its nodes by looking, and says so."""

import logging
import threading
import time
from typing import Any

from jobs.due_querysets import Due
from jobs.engine.sweep import DOORBELL_PATIENCE

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 60.0
_NOT_HEARD = (
    "BROKER_NOT_HEARD: no message has come for %.0f s, while one node after the other whose doorbell had rung was found"
    " by looking. Work goes on, each node a second or two late. Find out whether this worker, and whoever submits, can"
    " reach the broker (AETHERIS_BROKER_URL); if they can, restart this worker."
)


class Hearing:
    """Nodes whose doorbells rang in vain since the last message came. As many as a worker has threads another one may
    have been about to begin; more of them, over the time after which a doorbell counts as lost, mean a deaf worker."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._missed: set[tuple[Any, ...]] = set()
        self._since = 0.0
        self._warned_at: float | None = None
        self._lock = threading.Lock()

    def heard(self, **_: Any) -> None:
        """A message has come from the broker."""
        with self._lock:
            if self._warned_at is not None:
                logger.warning("BROKER_HEARD: messages come again, after %.0f s.", time.monotonic() - self._since)
            self._missed.clear()
            self._warned_at = None

    def missed(self, node: Due) -> None:
        """This node was found by looking, some time after its doorbell rang."""
        now = time.monotonic()
        with self._lock:
            if not self._missed:
                self._since = now
            if len(self._missed) <= self._threads:
                self._missed.add((node.job_id, node.path))
            silent = now - self._since
            if len(self._missed) <= self._threads or silent < DOORBELL_PATIENCE.total_seconds():
                return
            if self._warned_at is None or now - self._warned_at >= PAUSE_SECONDS:
                self._warned_at = now
                logger.warning(_NOT_HEARD, silent)
