"""Known waits: the waits, signals and approvals of a job as one activation knows them.

Whoever changes a wait or an approval appends an event. A signal that comes early does not: the statement that writes
looks for one itself, under every key where none may be.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from jobs.engine.changes import Changes
from jobs.engine.not_known import NotKnown
from jobs.engine.reading import Reading
from jobs.models import Job
from signals_app.models import Approval, Signal, Wait
from signals_app.states import WaitKind


class KnownWaits(Reading):
    """The part of `KnownRows` that is about waiting."""

    def __init__(self, job: Job, now: datetime, asked_at: float) -> None:
        super().__init__(job, now, asked_at)
        self._waits: dict[str, Wait] = {}
        self._approvals: dict[str, Approval] | None = None
        self._changes = Changes()

    def declare(self, waits: Iterable[Wait]) -> None:
        """Store new waits. A key that belongs to another one is told by the statement that writes."""
        for wait in waits:
            self._waits[wait.correlation_key] = self._changes.new_waits[wait.correlation_key] = wait

    def wait(self, correlation_key: str) -> Wait | None:
        if correlation_key not in self._waits:
            found = self._read(lambda: super(KnownWaits, self).wait(correlation_key))
            if found is None:
                return None
            self._waits[correlation_key] = found
        return self._waits[correlation_key]

    def wait_of(self, path: str) -> Wait:
        declared = (wait for wait in self._waits.values() if wait.node == path and wait.kind != WaitKind.RESOLUTION)
        known = next(declared, None) or self._read(lambda: super(KnownWaits, self).wait_of(path))
        return self._waits.setdefault(known.correlation_key, known)

    def change_wait(self, wait: Wait, columns: dict[str, Any]) -> bool:
        if wait.correlation_key not in self._changes.new_waits:
            self._changes.waits[wait.correlation_key] = wait
        return True

    def signal(self, correlation_key: str) -> Signal | None:
        """None, and what is written lands only if that is so."""
        self._changes.unheard.append(correlation_key)
        return None

    def insert_signal(self, signal: Signal) -> None:
        self._changes.unheard.append(signal.correlation_key)
        self._changes.signals.append(signal)

    def apply_signal(self, signal: Signal, now: datetime) -> None:
        raise NotKnown("a signal that was kept is applied under the lock")

    def about_the_world(self) -> list[Wait]:
        return list(self._read(super().about_the_world))

    def approvals_of(self, path: str) -> list[Approval]:
        return [approval for approval in self._known_approvals().values() if approval.step == path]

    def approval(self, correlation_key: str) -> Approval | None:
        return self._known_approvals().get(correlation_key)

    def insert_approval(self, approval: Approval) -> None:
        self._known_approvals()[approval.correlation_key] = approval
        self._changes.new_approvals[approval.pk] = approval

    def change_approval(self, approval: Approval, columns: dict[str, Any]) -> bool:
        if approval.pk not in self._changes.new_approvals:
            self._changes.approvals[approval.pk] = approval
        return True

    def _known_approvals(self) -> dict[str, Approval]:
        if self._approvals is None:
            found = self._read(lambda: Approval.objects.of_job(self.job.pk))
            self._approvals = {approval.correlation_key: approval for approval in found}
        return self._approvals
