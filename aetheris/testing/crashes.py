"""Crash matrix: kill -9 at every point around and in the middle of a call of a tool, let another worker finish, count
how often the effect took place in the world, and say which effect class the tool deserves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from aetheris.core.graph import PLAN, TaskGraph
from aetheris.core.handlers import Effect, Tool
from aetheris.testing.job_in_test import JobInTest
from aetheris.testing.killing import NEVER, Ended, run_and_kill
from aetheris.testing.registering import Registered
from aetheris.testing.runtime import Runtime
from jobs.engine.run import run_node
from jobs.states import JobState
from signals_app.states import WaitKind

AGENT = "crash-matrix"
UNDISTURBED = "without a kill"
PAUSE_SECONDS = 60.0
MOST_PAUSES = 20
"""How often some time is let pass until a job is at rest: for its lease, its retries, questions to its provider."""


@dataclass(frozen=True)
class Cell:
    """One process that was killed at `point`, and what had come of it, in the world and in the ledger, when another one
    had done all that there was to do. `flaw`: where the effect class did not hold; "" when it held."""

    effect: Effect
    point: str
    applied: int
    state: str
    flaw: str

    def __str__(self) -> str:
        return f"{self.effect}, {self.point}: {self.flaw or f'applied {self.applied}, {self.state}'}"


@dataclass(frozen=True)
class Verdict:
    """What the kills have shown. `deserves` is the class that asks least of people and held at every point, or None
    when none did, not even `once`: then the tool says what is not true, and is to be mended."""

    tool: str
    declared: Effect
    deserves: Effect | None
    cells: list[Cell]

    @property
    def flaws(self) -> list[Cell]:
        """Where the class that was declared did not hold."""
        return [cell for cell in self.cells if cell.effect is self.declared and cell.flaw]

    @property
    def holds(self) -> bool:
        """Whether the class that was declared held at every point."""
        return not self.flaws

    def check(self) -> None:
        """Raise `AssertionError`, with every point at which it did not, unless the declared class held."""
        if self.flaws:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        said = f"{self.tool} is declared {self.declared}"
        deserved = f"it deserves {self.deserves}" if self.deserves else "it deserves no class: it says what is not true"
        if self.holds:
            return f"{said}, and that held; {deserved}."
        return "\n  ".join([f"{said}, and {deserved}:", *map(str, self.flaws)])


class CrashMatrix:
    """`crash_matrix(tool, arguments, applied=…)`: see there."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def __call__(self, tool: Tool, arguments: dict[str, Any], *, applied: Callable[[], int]) -> Verdict:
        """Try a tool under its declared class and under those that may fit better.

        `applied` counts how often the effect took place in all, in the world: at the provider, in a file, in the
        database; never in this process's memory, for the calls that are killed are another process's. Raises
        `ValueError` when it sees nothing of an undisturbed call.
        """
        cells: list[Cell] = []
        deserves: Effect | None = None
        for effect in _candidates(tool):
            if deserves is None or effect is tool.effect:
                trial = _Trial(self._runtime, replace(tool, effect=effect), arguments, applied)
                found = list(trial.cells(thorough=effect is tool.effect))
                held = not any(cell.flaw for cell in found)
                deserves = deserves or (effect if held else None)
                cells += found
        return Verdict(tool.name, tool.effect, deserves, cells)


def _candidates(tool: Tool) -> list[Effect]:
    """Classes from the one that asks least of people to the strictest. Nobody can see from outside that a tool writes
    nothing, or nothing but rows: those are tried only where they are declared."""
    believed = [] if tool.effect.leaves_doubt else [tool.effect]
    asking = [Effect.VERIFIABLE] if tool.hooks.reconcile else []
    return [*believed, Effect.IDEMPOTENT, *asking, Effect.ONCE]


class _Trial:
    """One tool under one effect class."""

    def __init__(self, runtime: Runtime, tool: Tool, arguments: dict[str, Any], applied: Callable[[], int]) -> None:
        self._runtime = runtime
        self._tool = tool
        self._arguments = arguments
        self._applied = applied
        self._usual = 0

    def cells(self, *, thorough: bool) -> Iterator[Cell]:
        """One undisturbed call, then one for each point that it reached; unless `thorough`, up to the first flaw."""
        ended, applied, job = self._run(NEVER)
        if self._tool.effect.writes and not applied:
            raise ValueError(f"An undisturbed call of {self._tool.name} had no effect that applied() sees: {job.error}")
        self._usual = applied
        cell = self._cell(UNDISTURBED, applied, job)
        yield cell
        for number in range(1, len(ended.points) + 1):
            if cell.flaw and not thorough:
                return
            killed, applied, job = self._run(number)
            what = "killed at" if killed.killed else "ended before it could be killed, after"
            cell = self._cell(f"{what} {killed.points[-1]} ({number} of {len(ended.points)})", applied, job)
            yield cell

    def _run(self, kill_at: int) -> tuple[Ended, int, JobInTest]:
        """One job: how its first process ended, what was applied when all was done, and the job."""
        before = self._applied()
        registered = Registered()
        registered.agent(self._plan, self._tool, name=AGENT)
        try:
            with self._runtime.quiet():
                job = self._runtime.submit(AGENT, queue=self._tool.queue)
            ended = run_and_kill(lambda: run_node(job.id, PLAN), kill_at)
            pauses = 0
            while pauses < MOST_PAUSES and not _is_at_rest(job):
                self._runtime.advance(PAUSE_SECONDS + self._tool.settle / 2)
                pauses += 1
        finally:
            registered.restore()
        return ended, self._applied() - before, job

    def _plan(self) -> TaskGraph:
        graph = TaskGraph()
        graph.tool("call", self._tool, **self._arguments)
        return graph

    def _cell(self, point: str, applied: int, job: JobInTest) -> Cell:
        return Cell(self._tool.effect, point, applied, job.state, self._flaw(applied, job))

    def _flaw(self, applied: int, job: JobInTest) -> str:
        if not _is_at_rest(job):
            return f"after {MOST_PAUSES} pauses it is still {job.state}"
        if applied and not self._tool.effect.writes:
            return f"it changes the world, {applied} times"
        if applied > self._usual:
            return f"applied {applied} times instead of {self._usual}"
        if applied < self._usual and job.state == JobState.COMPLETED:
            return f"recorded as done, and applied {applied} times instead of {self._usual}"
        if applied and job.state == JobState.FAILED:
            return f"recorded as not done, and applied {applied} times"
        return ""


def _is_at_rest(job: JobInTest) -> bool:
    """Whether only a person could bring the job further."""
    return job.row.is_final or any(wait.kind == WaitKind.RESOLUTION for wait in job.waits)
