"""What a cell must have come to: what the scenario tells, and what the table says of each effect."""

from collections.abc import Iterator

from aetheris.testing.crash_matrix.run import Run
from aetheris.testing.crash_matrix.scenario import Blow, Scenario
from aetheris.testing.crash_matrix.seen import Seen, StepSeen
from aetheris.testing.crash_matrix.table import at_rest


def faults(scenario: Scenario, run: Run) -> list[str]:
    """All that was not as it must be; empty for a green cell."""
    if run.broken:
        return [run.broken]
    if len(run.struck) < len(run.cell.strokes):
        return [f"{run.cell.strokes[len(run.struck)].place} was never reached"]
    found = [f"{each['invariant']}: {each['what']}" for each in run.violations]
    return [*found, *_at_the_end(scenario, run), *_at_rest(scenario, run)]


def _at_the_end(scenario: Scenario, run: Run) -> Iterator[str]:
    assert run.end is not None  # noqa: S101  whoever closes tells it
    if run.end.job not in scenario.ends:
        yield f"the job is {run.end.job}, and may be {', '.join(scenario.ends)}"
    for step, effect in scenario.steps.items():
        applied = run.end.steps[step].applied
        if effect.writes and (applied > 1 or (applied < 1 and scenario.answers is not None)):
            yield f"{step} was applied {applied} times"


def _at_rest(scenario: Scenario, run: Run) -> Iterator[str]:
    """After kills the table says exactly how each effect stands before people speak. After other blows the process may
    have gone on by itself, so that only the end counts."""
    blows = {stroke.blow for stroke in run.cell.strokes}
    if scenario.answers is None or run.rest is None or not blows <= {Blow.KILL}:
        return
    left = run.left[-1] if run.left else Seen("", {step: StepSeen() for step in scenario.steps})
    for step, effect in scenario.steps.items():
        expected = at_rest(effect, left.steps[step], scenario.answers)
        # A kill among the people leaves what stood at rest before it.
        if run.rest.steps[step] != expected and not _was_at_rest(run, scenario):
            yield f"{step} is at rest as {run.rest.steps[step]}, and was to be {expected}"


def _was_at_rest(run: Run, scenario: Scenario) -> bool:
    """Whether the last kill came when the job had been at rest already."""
    people = scenario.act(len(scenario.acts) - 1)
    return bool(run.struck) and run.struck[-1].startswith(f"{people}:")
