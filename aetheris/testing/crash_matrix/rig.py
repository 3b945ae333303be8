"""The rig: a process that has loaded everything, and forks whoever is to be struck."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import httpx
from django.core.management import call_command

from aetheris.core.ids import new_id
from aetheris.core.priority import USUAL
from aetheris.testing.crash_matrix import querysets
from aetheris.testing.crash_matrix.judge import faults
from aetheris.testing.crash_matrix.part import Stage
from aetheris.testing.crash_matrix.run import Run
from aetheris.testing.crash_matrix.scenario import Blow, Cell, Place, Scenario, Stroke, place_named
from aetheris.testing.crash_matrix.servers import Servers
from aetheris.testing.crash_matrix.world import World
from aetheris.testing.fork import Child, Voice
from aetheris.testing.invariants import violations
from aetheris.testing.querysets import empty
from jobs.engine import dispatch

BEFORE_A_COMMIT = ".commit.before"


class Broken(Exception):
    """The rig itself does not work."""


class Rig:
    """Runs cells. This process itself opens no connection, and has one thread."""

    def __init__(self, servers: Servers, scenarios: Iterable[Scenario]) -> None:
        self.scenarios = {scenario.name: scenario for scenario in scenarios}
        self._servers = servers
        self._cells: dict[str, Cell] = {}
        self._looked_over = 0

    def prepare(self) -> None:
        """Make the tables and the clock; load here, once, what every child would load for itself."""
        dispatch.ring(new_id(), "nobody", "warm-up", USUAL)
        httpx.Client().close()
        self._in_a_child(_prepare)
        if self._servers.postmaster:
            self._in_a_child(lambda _: querysets.keep_what_was_committed())

    def run(self, cell: Cell) -> Run:
        """Run a cell; what happened in it."""
        self._servers.calls.write_text("")
        stage = Stage(
            scenario=self.scenarios[cell.scenario],
            key=f"cell-{new_id()}",
            log=self._servers.log,
            calls=self._servers.calls,
            offset=self._servers.log.stat().st_size,
            postmaster=self._servers.postmaster,
        )
        run = Run(cell, stage, self._servers.restart_database)
        run.go()
        if run.job:
            self._cells[run.job] = cell
        return run

    def judge(self, run: Run) -> list[str]:
        """What is wrong with it; nothing, if the cell is green."""
        return faults(self.scenarios[run.cell.scenario], run)

    def places(self, cell: Cell) -> list[Place]:
        """The failpoints that are reached after the last blow of a cell, in order. Raises `Broken` if it is red."""
        run = self.run(cell)
        if wrong := self.judge(run):
            raise Broken(f"{cell}: {'; '.join(wrong)}")
        return [place_named(place) for place in run.places]

    def cells(self, cell: Cell, *blows: Blow) -> list[Cell]:
        """The cells that follow from one by one blow more. Raises as `places`."""
        places = self.places(cell)
        return [
            Cell(cell.scenario, (*cell.strokes, Stroke(blow, place)))
            for blow in blows
            for place in places
            if fits(blow, place)
        ]

    def close(self) -> dict[Cell, list[str]]:
        """Replay every job in a fresh process and look over all tables, then empty them; what is wrong, by cell."""
        found: dict[Cell, list[str]] = {}
        for line in self._in_a_child(partial(_look_over_all, self._servers.log, self._looked_over)):
            # A job of no cell is that of one that has not come to its end, and is red already.
            if (cell := self._cells.get(line["job"])) is not None:
                found.setdefault(cell, []).append(f"{line['invariant']}: {line['what']}")
        self._cells.clear()
        self._looked_over = self._servers.log.stat().st_size
        return found

    def __len__(self) -> int:
        """How many jobs the tables hold."""
        return len(self._cells)

    def _in_a_child(self, work: Callable[[Voice], None]) -> list[dict[str, str]]:
        child = Child(work)
        lines = list(child.lines())
        if child.end():
            raise Broken(str(lines))
        return lines


def fits(blow: Blow, place: Place) -> bool:
    """Whether a blow means something there: the answer of a COMMIT can be lost only where there is a COMMIT, and what
    people do is no worker's, that wakes up."""
    if blow.of_commits:
        return place.failpoint.endswith(BEFORE_A_COMMIT)
    if blow.of_zombies:
        return place.act[0].isdigit()
    return True


def _prepare(voice: Voice) -> None:
    call_command("migrate", verbosity=0, interactive=False)
    querysets.make_clock()


def _look_over_all(log: Path, offset: int, voice: Voice) -> None:
    for each in violations(World(log=log, offset=offset).sent(), healed=True):
        voice.tell(**asdict(each))
    empty()
