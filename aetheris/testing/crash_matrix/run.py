"""The run of one cell: process after process plays its part, until the job is at its end."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from aetheris.testing.crash_matrix.part import Part, Stage, play, play_aside
from aetheris.testing.crash_matrix.scenario import Blow, Cell, Stroke
from aetheris.testing.crash_matrix.seen import Seen, seen_in
from aetheris.testing.fork import Child

ZOMBIE_LEASE_SECONDS = 1.0
"""A zombie's own: so long it has to be stopped, in real time."""


class Run:
    """What happened in a cell. `places` are those that were reached after the last blow, `left` is how each kill has
    left the job, `rest` how it stood before people spoke, `end` at the end of all."""

    def __init__(self, cell: Cell, stage: Stage, restart_database: Callable[[], None]) -> None:
        self.cell = cell
        self.job = ""
        self.struck: list[str] = []
        self.places: list[str] = []
        self.left: list[Seen] = []
        self.rest: Seen | None = None
        self.end: Seen | None = None
        self.broken = ""
        self.violations: list[dict[str, str]] = []
        self._stage = stage
        self._restart_database = restart_database
        self._strokes = list(cell.strokes)
        self._index = 0
        self._resumes = False

    def go(self) -> None:
        """Run it to its end; what goes wrong stands in `broken`."""
        acts = len(self._stage.scenario.acts)
        first = self._next()
        if first is not None and first.blow.of_zombies:
            zombie = self._zombie(first)
            if zombie is None:
                return
            self._play(acts if first.blow is Blow.LATE_ZOMBIE else acts - 1, closes=False)
            if not self.broken:
                self._wake(zombie)
            zombie.kill()
            zombie.end()
            if self.broken:
                return
            self._index = acts - 1
        self._play(acts, closes=True)

    def _next(self) -> Stroke | None:
        return self._strokes[0] if self._strokes else None

    def _play(self, last: int, *, closes: bool) -> None:
        """Play up to `last`, with as many processes as it takes."""
        while True:
            lease = self._stage.scenario.lease_seconds
            part = Part(self._index, last, self._next(), lease, self._resumes, closes)
            child = Child(partial(play, self._stage, part))
            killed_before = len(self.struck)
            for line in child.lines():
                self._hear(line, child)
            status = child.end()
            if status == 0 or self.broken:
                return
            self._resumes = True
            if len(self.struck) == killed_before:
                self.broken = f"a process ended with {status}, and nobody had struck it"
                return

    def _zombie(self, stroke: Stroke) -> Child | None:
        """A process that plays up to the act of the blow, and is stopped in it; None when it never got there."""
        acts = [self._stage.scenario.act(index) for index in range(len(self._stage.scenario.acts))]
        last = acts.index(stroke.place.act) + 1
        child = Child(partial(play, self._stage, Part(0, last, stroke, ZOMBIE_LEASE_SECONDS)))
        for line in child.lines():
            self._hear(line, child)
            if "struck" in line:
                child.wait_until_stopped()
                self._stopped_at = time.monotonic()
                self._resumes = True
                return child
        child.end()
        return None

    def _wake(self, zombie: Child) -> None:
        """Let it go on where it stood, once its time is over, to its end."""
        time.sleep(max(0.0, self._stopped_at + ZOMBIE_LEASE_SECONDS + 0.1 - time.monotonic()))
        zombie.wake()
        for line in zombie.lines():
            self._hear(line, zombie)
        if zombie.end() and not self.broken:
            self.broken = f"the zombie ended with {zombie.status}"

    def _hear(self, line: dict[str, Any], child: Child) -> None:
        if "act" in line:
            self._index = line["act"]
        self.places += line.get("places", [])
        if "struck" in line:
            self.struck.append(line["struck"])
            self.places = []
            stroke = self._strokes.pop(0)
            if stroke.blow is Blow.DATABASE:
                self._restart_database()
        if "left" in line:
            self.left.append(seen_in(line["left"]))
        if "rest" in line and self.rest is None:
            self.rest = seen_in(line["rest"])
        if "end" in line:
            self.end, self.job, self.violations = seen_in(line["end"]), line["job"], line["violations"]
        if "aside" in line:
            self._aside(line["aside"])
            child.go_on()
        self.broken = self.broken or line.get("broken", "")

    def _aside(self, act: str) -> None:
        """Somebody else acts, and acts again if that kills him."""
        while True:
            child = Child(partial(play_aside, self._stage, act, self._next()))
            struck = len(self.struck)
            for line in child.lines():
                self._hear(line, child)
            if child.end() == 0 or self.broken:
                return
            if len(self.struck) == struck:
                self.broken = f"{act} ended with {child.status}"
                return
