"""Activation: how one run of a worker, or one request, changes a job: without a lock as long as it is alone."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

from django.db import DatabaseError, DataError, IntegrityError

from aetheris import failpoints
from aetheris.core.clocks import uptime
from jobs.engine.bells import Bells
from jobs.engine.known import KnownRows
from jobs.engine.not_known import NotKnown, Overtaken
from jobs.engine.transaction import JobTransaction, job_transaction, this_process

T = TypeVar("T")


class Activation:
    """What one activation knows of its job. `name` is its own, by which `rescue` finds its leases; `bells` are the
    doorbells that it keeps back. Events say that `actor` did it, by default this process."""

    def __init__(self, job_id: UUID, name: UUID, actor: str = "") -> None:
        self.job_id = job_id
        self.name = name
        self.actor = actor
        self.bells = Bells()
        self._known: KnownRows | None = None

    def transact(self, verb: str, act: Callable[[JobTransaction], T]) -> T:
        """Let `act` work on what is known, and write in one statement what it did. Where somebody else came first, let
        it do so once more on what is so now; where more is needed, or the rows refuse it, under the job's lock. `verb`
        names the commit. Raises `Job.DoesNotExist`, and whatever `act` raises."""
        known, self._known = self._known, None
        with suppress(NotKnown, DataError, IntegrityError):
            try:
                return self._try(verb, act, known or KnownRows.load(self.job_id))
            except Overtaken:
                return self._try(verb, act, KnownRows.load(self.job_id))
        with job_transaction(self.job_id, self.actor, verb=verb) as tx:
            return act(tx)

    def forget(self) -> None:
        """What is known may not be so any more."""
        self._known = None

    def _try(self, verb: str, act: Callable[[JobTransaction], T], known: KnownRows) -> T:
        began = uptime()
        tx = JobTransaction(known.job, known.now(), self.actor or this_process(), began, known)
        with known.guarded():
            try:
                answer = act(tx)
            except DatabaseError:
                raise
            except Exception:
                known.check_current()
                raise
        with failpoints.during(verb):
            tx.flush()
        self._known = known
        return answer
