"""The runtime in a test's own process: jobs run when the test submits them or lets time pass, and at no other time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db.models import Q

from aetheris.agents.base import Agent
from aetheris.conf import configuration
from aetheris.core.durations import seconds
from aetheris.testing.doorbells import Doorbells
from aetheris.testing.job_in_test import JobInTest, person
from aetheris.testing.next_moment import next_moment
from aetheris.testing.virtual_clock import VirtualClock
from jobs.engine.submit import submit
from jobs.engine.sweep import sweep
from jobs.models import Node
from jobs.states import NodeState


class Runtime:
    """Runs jobs to where they can go no further by themselves. Doorbells are answered in an order of chance, some of
    them more than once, as a broker may deliver them; the clock stands still but for `advance`."""

    def __init__(self, doorbells: Doorbells, clock: VirtualClock, checks: tuple[Callable[[], None], ...] = ()) -> None:
        self.clock = clock
        self._doorbells = doorbells
        self._checks = checks
        self._is_quiet = False

    def submit(
        self, agent: str | Agent | type[Agent], message: str = "do it", *, by: str = "requester", **options: Any
    ) -> JobInTest:
        """Give an agent a message, and run the job as far as it goes. `options` are those of
        `jobs.engine.submit.submit`, such as `idempotency_key`."""
        name = agent if isinstance(agent, str) else agent.name
        made = submit(name, message, tenant=configuration().tenant, requested_by=person(by), **options)
        self.drain()
        return JobInTest(made.job_id, self.drain)

    def drain(self) -> None:
        """Run everything that is due now, and what follows from it. Raises `AssertionError` when a script was too
        short, or a node is left that this process has no code for."""
        if self._is_quiet:
            return
        with self.quiet():
            self._doorbells.drain()
            while sweep() and self._doorbells.rung:
                self._doorbells.drain()
        for check in self._checks:
            check()
        self._check_nobody_is_left()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """While the body runs, nothing is run: what several calls have begun then runs together."""
        was_quiet, self._is_quiet = self._is_quiet, True
        try:
            yield
        finally:
            self._is_quiet = was_quiet

    def advance(self, duration: float | str) -> None:
        """Let time pass, seconds or like "25h". What comes due on the way is done when it comes due: retries, timeouts
        of waits, deadlines, schedules, leases of lost workers."""
        now = self.clock.now()
        end = now + timedelta(seconds=seconds(duration))
        while now < end:
            moment = min(end, next_moment(now) or end)
            self.clock.advance((moment - now).total_seconds())
            now = moment
            self.drain()

    def _check_nobody_is_left(self) -> None:
        due = Q(not_before__isnull=True) | Q(not_before__lte=self.clock.now())
        left = Node.objects.filter(due, state=NodeState.READY, job__error__isnull=True).select_related("job__agent")
        if node := left.first():
            raise AssertionError(
                f"Node {node.path} of a job of {node.job.agent.name} stays ready, and nobody runs it: is its agent "
                "imported, in the version that planned it, with all of its tools?"
            )
