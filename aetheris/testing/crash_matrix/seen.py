"""What can be seen of a job from outside and in its ledger: what a cell is judged by, beside the invariants."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from aetheris.core.handlers import Effect
from aetheris.testing.crash_matrix.scenario import Scenario
from aetheris.testing.crash_matrix.world import World
from aetheris.testing.invariants import Sent
from jobs.models import Job
from ledger.models import Entry


@dataclass(frozen=True)
class StepSeen:
    """One effect: how often its tool was called, what the world saw of it, and its entries, as `["failed 1",
    "committed 2"]` (state and sends).

    `requests` are those that were to have it (of a read those that asked, of a transactional one its rows). `asked`:
    whether its provider was asked what became of it.
    """

    calls: int = 0
    requests: int = 0
    applied: int = 0
    asked: bool = False
    entries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """A job as it stands."""

    job: str = ""
    steps: Mapping[str, StepSeen] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """As plain data."""
        return {"job": self.job, "steps": {step: asdict(each) for step, each in self.steps.items()}}


def seen_in(told: dict[str, Any]) -> Seen:
    """What `Seen.told` has told."""
    steps = told["steps"].items()
    return Seen(told["job"], {step: StepSeen(**{**each, "entries": tuple(each["entries"])}) for step, each in steps})


def see(scenario: Scenario, job_id: UUID | None, world: World) -> Seen:
    """The job as it stands now; without one, nothing has happened."""
    if job_id is None:
        return Seen("", {step: StepSeen() for step in scenario.steps})
    state = Job.objects.values_list("state", flat=True).get(pk=job_id)
    entries = list(Entry.objects.filter(job_id=job_id).order_by("opened_at", "attempt"))
    sent = world.sent()
    steps = {
        step: _step(effect, [entry for entry in entries if entry.step_id == step], sent, _calls(world, job_id, step))
        for step, effect in scenario.steps.items()
    }
    rows = scenario.rows(str(job_id))
    for step, effect in scenario.steps.items():
        if effect is Effect.TRANSACTIONAL:
            steps[step] = StepSeen(steps[step].calls, rows.count(step), rows.count(step), False, steps[step].entries)
    return Seen(state, steps)


def _calls(world: World, job_id: UUID, step: str) -> int:
    """A tool knows its node, which the step id begins with."""
    return world.calls_of(job_id, step.partition("#")[0])


def _step(effect: Effect, entries: list[Entry], sent: list[Sent], calls: int) -> StepSeen:
    keys = {entry.idempotency_key for entry in entries}
    of_step = [each for each in sent if each.key in keys]
    asks = sum(each.only_asks for each in of_step)
    listed = tuple(f"{entry.state} {entry.sends}" for entry in entries)
    if not effect.writes:
        return StepSeen(calls, asks, 0, False, listed)
    return StepSeen(calls, len(of_step) - asks, sum(each.applied for each in of_step), asks > 0, listed)
