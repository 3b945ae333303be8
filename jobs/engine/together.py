"""Together: how what an activation writes is sent, by itself or with that of others in one statement and one commit.

A verb is a generator that yields each `Write` and is told what became of it. Several of them that get on quickly go
side by side in one thread: when each has come to its write, all are sent. Each job is written as if it were alone: one
that was overtaken, or that the rows refuse, costs no other.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar

from django.db import DataError, Error, IntegrityError, connection, transaction

from aetheris import failpoints
from aetheris.live.announce import announce
from aetheris.live.doorbell import Doorbell, channel_of
from jobs.engine.changes import Changes, dumped
from jobs.engine.dispatch import Ring
from jobs.models import Job
from ledger.models import Event
from ledger.querysets import NewEvent

logger = logging.getLogger(__name__)

T = TypeVar("T")

Act = Callable[[], None]
MakeBells = Callable[[], Ring]
"""Makes the messages that are sent once a write has landed."""

Landed = tuple[int, bytes, datetime]
"""The job's new `seq` and `head`, and the database's clock."""


@dataclass(eq=False)
class Write:
    """What one activation has to write of its job: it lands if the job's `seq` is as it was read; then `bells` are
    rung. `verb` names the commit. While one is stored that goes alone, `meanwhile` is called: then the job and its rows
    may change.
    """

    job: Job
    known_at: datetime
    changes: Changes
    columns: Collection[str]
    events: Sequence[NewEvent]
    bells: MakeBells
    verb: str = ""
    meanwhile: Act | None = None
    ends_job: bool = field(init=False)

    def __post_init__(self) -> None:
        self.ends_job = self.job.is_final
        self._ring: Ring | None = None

    def while_stored(self) -> None:
        """What need not wait for the answer."""
        self._ring = self.bells()
        if self.meanwhile is not None:
            self.meanwhile()

    def ring(self) -> None:
        """It has landed."""
        (self._ring or self.bells())()


Writing = Generator[Write, Landed | None, T]
"""Yields what it has to write, and is sent what has landed; None when nothing has. A loss of the connection is thrown
in: then nobody knows."""


def alone(writing: Writing[T]) -> T:
    """Let it go on by itself to its end, each write in a statement of its own. Raises what it raises."""
    try:
        write = next(writing)
        while True:
            try:
                landed = _send_alone(write)
            except Exception as error:
                write = writing.throw(error)
            else:
                write = writing.send(landed)
    except StopIteration as end:
        value: T = end.value
        return value


def all_new(writings: Sequence[Writing[T]]) -> list[T]:
    """Let each store a new job of the same agent, all in one statement of the transaction that is open, and go on to
    its end. Raises what one of them raises, and then the transaction must not be kept."""
    waiting = {next(writing): writing for writing in writings}
    # Whoever sends some of these keys too comes upon them in the same order: they never wait for one another both.
    writes = sorted(waiting, key=lambda write: write.changes.idempotency_key)
    changes = [write.changes.as_json(write.job, write.columns, write.events) for write in writes]
    landed = dict(zip(writes, Event.objects.record_first(writes[0].job.agent, changes), strict=True))
    _follow_up([(write, said[0]) for write, said in landed.items() if said is not None])
    return [_last(writing, landed[write]) for write, writing in waiting.items()]


def side_by_side(writings: Iterable[Writing[T]]) -> list[T | None]:
    """Let all go on to their ends; what each has returned, in their order. What one raises is logged, and ends it
    alone."""
    members = [_Member(writing) for writing in writings]
    while under_way := [member for member in members if member.write is not None]:
        said = _send([member.write for member in under_way if member.write is not None])
        for member, answer in zip(under_way, said, strict=True):
            member.hear(answer)
    return [member.value for member in members]


def _last(writing: Writing[T], said: Landed | None) -> T:
    """What a verb returns that writes once."""
    try:
        writing.send(said)
    except StopIteration as end:
        value: T = end.value
        return value
    raise RuntimeError("a new job is written once")


class _Member(Generic[T]):
    """One of those that go side by side: what it waits for to be written, or what it has returned."""

    def __init__(self, writing: Writing[T]) -> None:
        self._writing = writing
        self.write: Write | None = None
        self.value: T | None = None
        self._go_on(next, writing)

    def hear(self, answer: "_Answer") -> None:
        """Go on with what became of the write."""
        if isinstance(answer, Exception):
            self._go_on(self._writing.throw, answer)
        else:
            self._go_on(self._writing.send, answer)

    def _go_on(self, step: Callable[[Any], Write], what: Any) -> None:
        last, self.write = self.write, None
        try:
            self.write = step(what)
        except StopIteration as end:
            self.value = end.value
        except Exception:
            logger.exception("an activation%s failed; its lease brings it back", f" of job {last.job}" if last else "")


_Answer = Landed | Exception | None


def _send(writes: list[Write]) -> list[_Answer]:
    """In one statement those that can go in it, the others after it."""
    group = {write.job.pk: write for write in writes if write.changes.are_a_step}
    together = _send_together(list(group.values())) if len(group) > 1 else {}
    return [together[write] if write in together else _answer_alone(write) for write in writes]


def _send_together(group: list[Write]) -> dict[Write, _Answer]:
    """What became of those for which that is said; others were left alone, because somebody holds their job, or all of
    them, because the rows refused one."""
    jobs: list[dict[str, Any]] = []
    rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for write in group:
        job, others = write.changes.as_step(write.job, write.known_at, write.events)
        jobs.append(job)
        for table, changed in others.items():
            rows[table] += changed
    try:
        with _committing(group[0].verb):
            landed, locked = Event.objects.record_steps(dumped(jobs), dumped(rows))
    except (DataError, IntegrityError):
        return {}
    except Error as error:
        return dict.fromkeys(group, error)
    _follow_up([(write, landed[write.job.pk][0]) for write in group if write.job.pk in landed])
    return {write: landed.get(write.job.pk) for write in group if write.job.pk not in locked}


def _answer_alone(write: Write) -> _Answer:
    try:
        return _send_alone(write)
    except Exception as error:
        return error


def _send_alone(write: Write) -> Landed | None:
    """In a statement that waits for whoever holds the job."""
    changes = write.changes.as_json(write.job, write.columns, write.events)
    # In a transaction whoever waits for the broker would hold what it has locked.
    meanwhile = None if connection.in_atomic_block else write.while_stored
    with _committing(write.verb):
        if write.changes.is_new_job:
            landed = Event.objects.record_first(write.job.agent, [changes], meanwhile)[0]
        else:
            landed = Event.objects.record(write.job, write.known_at, changes, meanwhile)
    if landed is not None:
        _follow_up([(write, landed[0])])
    return landed


def _follow_up(landed: Collection[tuple[Write, int]]) -> None:
    """Ring first: a worker has the longer way."""
    for write, _ in landed:
        transaction.on_commit(write.ring)
    tell([(write.job, seq, write.ends_job) for write, seq in landed if write.events])


def tell(news: Iterable[tuple[Job, int, bool]]) -> None:
    """Once this has committed, whoever listens is told of these jobs, their last events and whether they have ended, in
    one go."""
    doorbells = {channel_of(job.tenant, job.pk): Doorbell(seq, ended) for job, seq, ended in news}
    transaction.on_commit(partial(announce, doorbells))


@contextmanager
def _committing(verb: str) -> Iterator[None]:
    """A statement outside a transaction commits by itself."""
    with failpoints.during(verb):
        is_its_own = not connection.in_atomic_block
        with failpoints.around(failpoints.commit_of_this_verb()) if is_its_own else nullcontext():
            yield
