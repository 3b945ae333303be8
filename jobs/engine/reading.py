"""Reading: rows of a job that were read one after the other, and count only if they were so together."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from aetheris.core.clocks import uptime
from jobs.engine.not_known import NotKnown, Overtaken
from jobs.engine.rows import Rows
from jobs.models import Job


class Reading(Rows):
    """The part of `KnownRows` that is about the moment of which it knows: `now` by the database's clock, asked for at
    `asked_at` by this process's."""

    are_known = True

    def __init__(self, job: Job, now: datetime, asked_at: float) -> None:
        super().__init__(job)
        self._reads = False
        self._is_under_way = False
        self._has_read = False
        self._now, self._asked_at, self._told_at = now, asked_at, uptime()

    def now(self) -> datetime:
        """The database's clock, or a moment before, so that whoever changes the job next has no earlier one; what is
        written with it lands only if it is not far off."""
        return self._now + timedelta(seconds=uptime() - self._told_at)

    def behind(self) -> float:
        """By how many seconds `now` may be before the database's clock: as long as the question was on its way."""
        return self._told_at - self._asked_at

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Refuse every statement of the body's own, before anybody else hears of it."""
        wrappers = connection.execute_wrappers
        wrappers.insert(0, self._refuse)
        try:
            yield
        finally:
            wrappers.remove(self._refuse)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """While what was changed is under way nothing can be read: whoever needs that is refused."""
        self._is_under_way = True
        try:
            yield
        finally:
            self._is_under_way = False

    def check_current(self) -> None:
        """Raise `Overtaken` if somebody else has changed the job meanwhile: what was read one after the other may never
        have been so together, and nothing follows from it."""
        if self._has_read and self._read(lambda: Job.objects.as_it_stands(self.job.pk)).seq != self.job.seq:
            raise Overtaken("somebody else has changed the job while it was read")

    def _read(self, read: Callable[[], Any]) -> Any:
        """Send a statement that reads, which the guard lets pass."""
        if self._is_under_way:
            raise NotKnown("nothing can be read now")
        self._reads = self._has_read = True
        try:
            return read()
        finally:
            self._reads = False

    def _refuse(self, execute: Callable[..., Any], *call: Any) -> Any:
        if not self._reads:
            raise NotKnown("this is not known here")
        return execute(*call)

    def _synchronized(self, now: datetime, asked_at: float) -> None:
        """`now` may have waited to be heard: what was known before may be later by now, and never is too late."""
        self._has_read = False
        if now >= self.now():
            self._now, self._asked_at, self._told_at = now, asked_at, uptime()
