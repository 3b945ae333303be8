"""Activation: how one run of a worker, or one request, changes a job: without a lock as long as it is alone."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self, TypeVar
from uuid import UUID

from django.db import DatabaseError, DataError, IntegrityError

from aetheris.core.clocks import uptime
from aetheris.core.log_fields import about
from jobs.engine import together
from jobs.engine.bells import Bells
from jobs.engine.known import KnownRows
from jobs.engine.not_known import NotKnown, Overtaken
from jobs.engine.patience import set_aside
from jobs.engine.together import Act, Writing
from jobs.engine.transaction import JobTransaction, job_transaction, this_process

T = TypeVar("T")


class Activation:
    """What one activation knows of its job, and begins to by `load`. `name` is its own, by which `rescue` finds its
    leases; `bells` are the doorbells that it keeps back. Events say that `actor` did it, by default this process."""

    def __init__(
        self, job_id: UUID, name: UUID, actor: str = "", load: Callable[[UUID], KnownRows] = KnownRows.load
    ) -> None:
        self.job_id = job_id
        self.name = name
        self.actor = actor
        self._load = load
        self.in_company = False
        self.goes_ahead = True
        self.bells = Bells()
        self._known: KnownRows | None = None
        self._under_way: KnownRows | None = None
        self._begun: tuple[JobTransaction, Any] | None = None

    @classmethod
    def among_others(cls, job_id: UUID, name: UUID, known: KnownRows | None) -> Self:
        """One that goes side by side with others, which must not wait for it, and begins with these rows."""
        hand = cls(job_id, name)
        hand.in_company, hand.goes_ahead, hand._known = True, False, known
        return hand

    def transact(self, verb: str, act: Callable[[JobTransaction], T]) -> T:
        """Let `act` work on what is known, and write in one statement what it did. Where somebody else came first, let
        it do so once more on what is so now; where more is needed, or the rows refuse it, under the job's lock. `verb`
        names the commit. Raises `Job.DoesNotExist`, and whatever `act` raises."""
        return together.alone(self.transacting(verb, act))

    def transacting(self, verb: str, act: Callable[[JobTransaction], T], meanwhile: Act | None = None) -> Writing[T]:
        """The same for whoever sends it. While the one statement is under way `meanwhile` is called, which may `begin`
        what comes next."""
        known, self._known = self._known, None
        with suppress(NotKnown, DataError, IntegrityError):
            try:
                return (yield from self._try(verb, act, known or self._load(self.job_id), meanwhile))
            except Overtaken:
                self.goes_ahead = False
                return (yield from self._try(verb, act, self._load(self.job_id), meanwhile))
        with job_transaction(self.job_id, self.actor, verb=verb) as tx:
            return act(tx)

    def begin(self, act: Callable[[JobTransaction], T], path: str) -> None:
        """Let `act` work on what will be so once the statement under way has landed: with the end of this node, and
        what follows it. The next `transacting` goes on from there. If it does not land, or if `act` comes to something
        that would have to be read, this has never been."""
        known = self._under_way
        if known is None or not known.knows_what_follows(path):
            return
        try:
            # Not even a transaction can begin on a connection whose answer is still to come: it would wait for itself.
            with known.under_way(), set_aside():
                self._begun = self._act(act, known)
        except Exception:
            self.goes_ahead, self._under_way = False, None

    def forget(self) -> None:
        """What is known may not be so any more."""
        self._known = self._begun = None

    def _try(
        self, verb: str, act: Callable[[JobTransaction], T], known: KnownRows, meanwhile: Act | None
    ) -> Writing[T]:
        begun: tuple[JobTransaction, T] | None = self._begun
        self._begun = None
        tx, answer = begun or self._act(act, known)
        self._under_way = known
        try:
            yield from tx.flushing(verb, meanwhile)
        except BaseException:
            self._begun = None
            raise
        # What was begun in vain has changed what is known.
        self._known, self._under_way = self._under_way, None
        return answer

    def _act(self, act: Callable[[JobTransaction], T], known: KnownRows) -> tuple[JobTransaction, T]:
        # What is recorded to end at a moment of `now` has ended here by then, however far `now` is behind.
        began = uptime() - known.behind()
        tx = JobTransaction(known.job, known.now(), self.actor or this_process(), began, known)
        with known.guarded(), about(tenant=known.job.tenant, job_id=str(self.job_id)):
            try:
                answer = act(tx)
            except DatabaseError:
                raise
            except Exception:
                known.check_current()
                raise
        return tx, answer
