"""Bells: an activation that gets on quickly with what its job has READY calls nobody to help it. Once a node takes
long, or the activation ends, it rings for what is left."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache

from jobs.due_querysets import Due
from jobs.engine import dispatch
from jobs.engine.dispatch import Ring

PATIENCE_SECONDS = 0.01
"""How long an activation computes before others are called."""


class Bells:
    """Doorbells that one activation keeps back, for nodes of a queue that it means to go on with by itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Due] = {}
        self._most = 0

    def keep(self, queue: str, nodes: Sequence[Due], most: int) -> Ring:
        """Doorbells for these nodes, but those of this queue are kept back; for at most so many together."""
        with self._lock:
            self._kept.update((node.path, node) for node in nodes if node.queue == queue)
            self._most = most
        return dispatch.bells_for([node for node in nodes if node.queue != queue], most)

    def drop(self, path: str) -> None:
        """The activation has taken this node itself."""
        with self._lock:
            self._kept.pop(path, None)

    def ring(self) -> None:
        """Call others for what is left."""
        with self._lock:
            left, self._kept = list(self._kept.values()), {}
        dispatch.bells_for(left, self._most)()

    def rung_if_slow(self) -> AbstractContextManager[None]:
        """Call others if the body takes long."""
        return _of_this_process().over(self) if self._kept else nullcontext()


class _Watch:
    """One thread that rings for the activations that compute for too long."""

    def __init__(self) -> None:
        self._since: dict[Bells, float] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, bells: Bells) -> Iterator[None]:
        """Ring them if the body takes long."""
        self._begin(bells)
        try:
            yield
        finally:
            with self._changed:
                self._since.pop(bells, None)

    def _begin(self, bells: Bells) -> None:
        with self._changed:
            self._since[bells] = time.monotonic()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="bells", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._since)
            pause.wait(PATIENCE_SECONDS)
            with self._changed:
                began_by = time.monotonic() - PATIENCE_SECONDS
                slow = [bells for bells, since in self._since.items() if since <= began_by]
                for bells in slow:
                    del self._since[bells]
            for bells in slow:
                bells.ring()


@lru_cache(maxsize=1)
def _of_this_process() -> _Watch:
    return _Watch()
