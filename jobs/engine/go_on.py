"""Going on: a worker whose job needs it no more takes the next due node itself; a backlog needs no doorbells."""

import time
from collections.abc import Sequence
from datetime import timedelta
from random import shuffle
from threading import Lock
from uuid import UUID

from aetheris.core import registry
from jobs.engine import dispatch, stopping
from jobs.engine.run import run_node
from jobs.engine.untaken import Untaken
from jobs.models import Node

SLICE_SECONDS = 1.0
"""After this a worker takes its next message, which may be something else than a doorbell."""
LOOK = 16
FRESH_SECONDS = 0.05
"""How long what was seen counts as due."""


class Ahead:
    """Due nodes that this process has seen and not begun, for all its threads. In no order among those that are as
    urgent: other processes see the same."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._nodes: list[Node] = []
        self._fresh_until = 0.0
        self._untaken = Untaken()

    def next(self, queues: Sequence[str]) -> Node | None:
        """A due node of these queues, the more urgent first, or None."""
        with self._lock:
            if not self._nodes or time.monotonic() > self._fresh_until:
                self._look(queues)
            return self._nodes.pop() if self._nodes else None

    def leave(self, node: Node) -> None:
        """Somebody else was faster, or this process cannot take it."""
        with self._lock:
            self._untaken.note(node)

    def _look(self, queues: Sequence[str]) -> None:
        now = time.monotonic()
        seen = Node.objects.look(queues, registry.code_here(), timedelta(0), LOOK + len(self._untaken)).nodes
        mine = [node for node in seen if not self._untaken.remembers(node)][:LOOK]
        self._nodes = [node for node in mine if (node.queue, node.priority) == (mine[0].queue, mine[0].priority)]
        self._fresh_until = now + FRESH_SECONDS
        shuffle(self._nodes)


_ahead = Ahead()


def answer(job_id: UUID, path: str, queues: Sequence[str], activation: UUID) -> None:
    """Answer a doorbell: run this node and what follows it, then whatever is due in these queues, for about a second;
    what is left then is rung for."""
    ends = time.monotonic() + SLICE_SECONDS
    run_node(job_id, path, activation)
    while not stopping.has_begun() and (node := _ahead.next(queues)):
        if time.monotonic() > ends:
            dispatch.ring(node.job_id, node.path, node.queue, node.priority)
            return
        if not run_node(node.job_id, node.path, activation):
            _ahead.leave(node)
