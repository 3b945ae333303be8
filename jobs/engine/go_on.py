"""Going on: a worker whose job needs it no more takes the next due node itself; a backlog needs no doorbells."""

import time
from collections.abc import Collection, Sequence
from datetime import timedelta
from random import shuffle
from threading import Lock
from uuid import UUID

from aetheris.core import registry
from jobs.due_querysets import Due
from jobs.engine import dispatch, pace, stopping
from jobs.engine.run import run_node, run_side_by_side
from jobs.engine.untaken import Untaken
from jobs.models import Node

SLICE_SECONDS = 1.0
"""After this a worker takes its next message, which may be something else than a doorbell."""
COMPANY = 32
"""How many jobs go side by side at most."""
LOOK = 2 * COMPANY
BUSY_SECONDS = 1.0
"""How long the others leave instant nodes to a thread that does not say that it is done."""
FRESH_SECONDS = 0.05
"""How long what was seen counts as due."""
BEGUN_SECONDS = 1.0
"""How long the threads of a process leave what one of them has begun to it. Later it may be due once more."""

Name = tuple[UUID, str]
"""A node's job and path."""


class Ahead:
    """Due nodes that this process has seen and not begun, for all its threads. In no order among those that are as
    urgent: other processes see the same. What one thread has begun is due, for all to see, until its claim has landed.

    While one thread runs instant nodes of several jobs, the others leave such nodes to it: they would only keep it
    waiting, and it looks again when it is done."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._nodes: list[Due] = []
        self._fresh_until = 0.0
        self._untaken = Untaken()
        self._busy_until = 0.0
        self._begun: dict[Name, float] = {}

    def begin(self, node: Name, pace_name: str) -> bool:
        """Whether the thread that has heard of a node with this name is to run it. Then it says when it is `done`."""
        with self._lock:
            if pace.is_instant(pace_name) and time.monotonic() < self._busy_until:
                return False
            self._begun[node] = time.monotonic()
            return True

    def next(self, queues: Sequence[str]) -> list[Due]:
        """What this thread runs next, of these queues, the more urgent first: a due node, or instant ones of several
        jobs. Then it says when it is `done`."""
        with self._lock:
            if not self._nodes or time.monotonic() > self._fresh_until:
                self._look(queues)
            nodes = self._chosen(time.monotonic())
            self._nodes = [node for node in self._nodes if node not in nodes]
            self._begun.update((_name(node), time.monotonic()) for node in nodes)
            return nodes

    def done(self, nodes: Collection[Name]) -> None:
        """These have been run, or are not going to be."""
        with self._lock:
            for node in nodes:
                self._begun.pop(node, None)
            if len(nodes) > 1:
                # Other processes have taken most of what a company left of the list.
                self._busy_until = self._fresh_until = 0.0

    def leave(self, node: Due) -> None:
        """Somebody else was faster, or this process cannot take it."""
        with self._lock:
            self._untaken.note(node)

    def _chosen(self, now: float) -> list[Due]:
        if now < self._busy_until:
            return [node for node in self._nodes if not _is_instant(node)][:1]
        # Half of what is seen, one node of each job: other processes are to find theirs.
        instant = list({node.job_id: node for node in self._nodes if _is_instant(node)}.values())
        company = instant[: min((len(instant) + 1) // 2, COMPANY)]
        if len(company) < 2:
            return self._nodes[:1]
        self._busy_until = now + BUSY_SECONDS
        return company

    def _look(self, queues: Sequence[str]) -> None:
        now = time.monotonic()
        most = LOOK + len(self._untaken) + len(self._begun)
        seen = Node.objects.look(queues, registry.code_here(), timedelta(0), most).nodes
        mine = [node for node in seen if not (self._is_begun(node) or self._untaken.remembers(node))][:LOOK]
        self._nodes = [node for node in mine if (node.queue, node.priority) == (mine[0].queue, mine[0].priority)]
        self._fresh_until = now + FRESH_SECONDS
        shuffle(self._nodes)

    def _is_begun(self, node: Due) -> bool:
        return time.monotonic() < self._begun.get(_name(node), 0.0) + BEGUN_SECONDS


def _name(node: Due) -> Name:
    return node.job_id, node.path


def _is_instant(node: Due) -> bool:
    """What may have taken a worker with it is run alone."""
    return node.claims == 0 and pace.is_instant(pace.name_of(node.agent, node.type, node.config))


_ahead = Ahead()


def answer(job_id: UUID, path: str, queues: Sequence[str], activation: UUID, pace_name: str = "") -> None:
    """Answer a doorbell: run this node and what follows it, then whatever is due in these queues, for about a second;
    what is left then is rung for. By `pace_name` it is known how quickly such nodes run here."""
    ends = time.monotonic() + SLICE_SECONDS
    heard = (job_id, path)
    if _ahead.begin(heard, pace_name):
        try:
            run_node(*heard, activation, at_once=pace.is_instant(pace_name))
        finally:
            _ahead.done([heard])
    while not stopping.has_begun() and (nodes := _ahead.next(queues)):
        if time.monotonic() > ends:
            _ahead.done([_name(node) for node in nodes])
            # Without its pace: it may have taken a worker with it, and is claimed first.
            dispatch.ring(nodes[0].job_id, nodes[0].path, nodes[0].queue, nodes[0].priority)
            return
        _run(nodes, activation)


def _run(nodes: Sequence[Due], activation: UUID) -> None:
    names = [_name(node) for node in nodes]
    try:
        were_ready = run_side_by_side(names, activation) if len(nodes) > 1 else [run_node(*names[0], activation)]
    finally:
        _ahead.done(names)
    for node, was_ready in zip(nodes, were_ready, strict=True):
        if not was_ready:
            _ahead.leave(node)
