"""Activation: how one run of a worker, or one request, changes a job: without a lock as long as it is alone."""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from django.db import DataError, IntegrityError

from aetheris import failpoints
from aetheris.core.clocks import uptime
from jobs.engine.bells import Bells
from jobs.engine.known import KnownRows
from jobs.engine.not_known import NotKnown
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
        """Let `act` work on what is known, and write in one statement what it did; where more is needed, the rows
        refuse it, or somebody else came first, let it do so again under the job's lock. `verb` names the commit.
        Raises `Job.DoesNotExist`, and whatever `act` raises."""
        known, self._known = self._known, None
        try:
            answer, self._known = self._try(verb, act, known or KnownRows.load(self.job_id))
        except (NotKnown, DataError, IntegrityError):
            with job_transaction(self.job_id, self.actor, verb=verb) as tx:
                answer = act(tx)
        return answer

    def forget(self) -> None:
        """What is known may not be so any more."""
        self._known = None

    def _try(self, verb: str, act: Callable[[JobTransaction], T], known: KnownRows) -> tuple[T, KnownRows]:
        began = uptime()
        tx = JobTransaction(known.job, known.now(), self.actor or this_process(), began, known)
        with known.guarded():
            answer = act(tx)
        with failpoints.during(verb):
            tx.flush()
        return answer, known
