"""Doorbells in process: collected instead of sent, and answered in any order, some of them more than once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from uuid import UUID

from jobs.engine import dispatch
from jobs.engine.run import run_node

RINGS_AGAIN = 1 / 3
"""How likely it is, each time, that an answered doorbell is answered once more."""

Bell = tuple[UUID, str, str]
"""Job, path and queue of the node that it rang for."""


class Doorbells:
    """Doorbells that were rung and not answered yet. `order` decides about order and repetition; without one each is
    answered once, in turn."""

    def __init__(self, order: Random | None = None) -> None:
        self.rung: list[Bell] = []
        self._order = order

    @contextmanager
    def collected(self) -> Iterator[None]:
        """While the body runs, what this process rings is collected here."""
        made = dispatch.bell

        def collect(job_id: UUID, path: str, queue: str, priority: int, pace_name: str = "") -> Callable[[], None]:
            return lambda: self.rung.append((job_id, path, queue))

        dispatch.bell = collect
        try:
            yield
        finally:
            dispatch.bell = made

    def drain(self) -> None:
        """Answer every doorbell, and those that follow, until none is left."""
        while self.rung:
            job_id, path, _ = self._next()
            run_node(job_id, path)

    def _next(self) -> Bell:
        if self._order is None:
            return self.rung.pop(0)
        bell = self.rung.pop(self._order.randrange(len(self.rung)))
        if self._order.random() < RINGS_AGAIN:
            self.rung.append(bell)
        return bell
