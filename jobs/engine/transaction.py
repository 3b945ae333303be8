"""`job_transaction`: lock one job, let verbs change it, then append all their events, together or not at all."""

from __future__ import annotations

import os
import socket
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from django.db import transaction

from aetheris import failpoints
from aetheris.core.canonical import members, object_of
from aetheris.core.clocks import uptime
from aetheris.core.ids import new_id, random_bytes
from aetheris.core.principal import principal
from jobs.body_querysets import INLINE_BYTES
from jobs.due_querysets import Due
from jobs.engine import dispatch, together
from jobs.engine.dispatch import Ring, no_bells
from jobs.engine.rows import Rows
from jobs.engine.together import Act, Writing
from jobs.models import Job, Node
from jobs.states import NodeState
from ledger.event_types import EventType
from ledger.querysets import NewEvent

MOST_DOORBELLS = 16


def this_process() -> str:
    """The actor of what the engine does by itself: asked each time, because a process may fork."""
    return _process(os.getpid())


@lru_cache(maxsize=1)
def _process(pid: int) -> str:
    return principal("engine", f"{socket.gethostname()}:{pid}", "engine")


class JobTransaction:
    """A locked job and what this transaction does to it. `now` is the database's clock, read under the lock;
    `began` is this process's uptime, read before it. `token` is stored with every node that it moves; `call_for` hears
    which nodes it left READY, and for how many of them to ring.
    """

    def __init__(self, job: Job, now: datetime, actor: str, began: float, rows: Rows | None = None) -> None:
        self.job = job
        self.rows = rows or Rows(job)
        self.now = now
        self.actor = actor
        self.began = began
        self.token = new_id()
        self.call_for: Callable[[Sequence[Due], int], Ring] = dispatch.bells_for
        self._changed: set[str] = set()
        self._events: list[NewEvent] = []
        self._ready: dict[str, Node] = {}
        self._ended_children: defaultdict[str, int] = defaultdict(int)

    def event(self, type: EventType, payload: dict[str, Any], node: Node | None = None) -> None:
        """Append an event when the transaction ends. Whatever the payload holds, it is recorded; a long field is
        kept as a body, and the event holds its digest under `<field>_body`."""
        path = node.path if node else ""
        span = f"{path}#{node.claims}" if node else ""
        fields = members(payload)
        text = object_of(fields)
        if len(text.encode()) > INLINE_BYTES:  # in a short event no field is long
            text = object_of(dict(self._field(*field) for field in fields.items()))
        self._events.append(NewEvent(type, self.actor, path, span, text, random_bytes(16)))

    def keep(self, text: str) -> str:
        """The form in which a canonical text is stored in a row of this job; a long one is kept as a body."""
        return self.rows.keep(text)

    def change(self, **columns: Any) -> None:
        """Change columns of the job when the transaction ends."""
        vars(self.job).update(columns)
        self._changed.update(columns)

    def moved(self, node: Node) -> None:
        """Note where a node stands now: one that stays READY is rung for when the transaction has committed."""
        if node.state == NodeState.READY and node.not_before is None:
            self._ready[node.path] = node
            return
        self._ready.pop(node.path, None)
        if node.is_final and node.scope:
            self._ended_children[node.scope] += 1

    def forget_ready(self) -> None:
        """No node of the job is READY any more."""
        self._ready.clear()

    def take_ended_children(self) -> list[tuple[str, int]]:
        """Workflow nodes and how many of their children have ended since this was asked last."""
        ended, self._ended_children = self._ended_children, defaultdict(int)
        return list(ended.items())

    def ready(self) -> list[Node]:
        """The nodes that became READY here and are still so, in plan order."""
        return list(self._ready.values())

    def flush(self) -> None:
        """Write the job and its events; once this has committed, tell who listens and ring for what is left READY."""
        together.alone(self.flushing())

    def flushing(self, verb: str = "", meanwhile: Act | None = None) -> Writing[None]:
        """The same for whoever sends it. Where one statement does it all, `meanwhile` is called while that is under
        way."""
        if self._changed:
            self.change(updated_at=self.now)
        ready = [Due.of(node, self.job.agent.name) for node in self.ready()]
        bells = partial(self.call_for, ready, self._doorbells()) if ready else no_bells
        yield from self.rows.writing(self._changed, self._events, bells, verb, meanwhile)

    def _field(self, name: str, text: str) -> tuple[str, str]:
        """How a field of an event stands in it."""
        stored = self.keep(text)
        return (name, text) if stored is text else (f"{name}_body", f'"{stored}"')

    def _doorbells(self) -> int:
        """A wide fan-out does not ring for every branch."""
        if self.job.max_parallel is None:
            return MOST_DOORBELLS
        return max(0, min(MOST_DOORBELLS, self.job.max_parallel - self.job.nodes_running))


@contextmanager
def committing(verb: str) -> Iterator[None]:
    """One transaction, whose COMMIT stands between the failpoints `<verb>.commit.before` and `.after`; inside another
    one it is a part of that."""
    with failpoints.during(verb), transaction.atomic():
        yield


@contextmanager
def job_transaction(job_id: UUID, actor: str = "", *, verb: str = "job", wait: bool = True) -> Iterator[JobTransaction]:
    """Lock the job, yield it to verbs, write their events. `verb` names the commit. Raises `Job.DoesNotExist`, which
    without `wait` also means that somebody else holds the job now."""
    began = uptime()
    with committing(verb):
        job = Job.objects.lock(job_id, wait=wait)
        tx = JobTransaction(job, Job.objects.now(), actor or this_process(), began)
        yield tx
        tx.flush()


def if_free(job_id: UUID, verb: str, act: Callable[[JobTransaction], bool]) -> bool:
    """For sweeps: run a verb if nobody holds the job now; whether it did something. One busy job delays no other."""
    try:
        with job_transaction(job_id, verb=verb, wait=False) as tx:
            return act(tx)
    except Job.DoesNotExist:
        return False
