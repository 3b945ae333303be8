"""A session: which cells are to be run now, and each one's verdict, live."""

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from zlib import crc32

from aetheris.testing.crash_matrix.rig import Rig
from aetheris.testing.crash_matrix.scenario import Blow, Cell, Stroke
from aetheris.testing.crash_matrix.verdicts import GREEN, RED, Verdict, Verdicts, engine_commit
from tests.chaos.matrix.scenarios import DOUBLES, OTHER_BLOWS
from tests.docs.reading import ROOT

FOLDER = ROOT / "tests" / "chaos" / "verdicts"
MOST_JOBS = 100
"""After so many cells every job is replayed in a fresh process, and the tables are emptied."""


class Shard:
    """The `number`-th of `of` parts of all cells."""

    def __init__(self, number: int = 1, of: int = 1) -> None:
        self.number, self.of = number, of

    def has(self, name: str) -> bool:
        return crc32(name.encode()) % self.of == self.number - 1


class Session:
    """Runs cells that have no verdict for the engine as it is now."""

    def __init__(self, rig: Rig, verdicts: Verdicts, shard: Shard) -> None:
        self.red: list[Verdict] = []
        self.judged = 0
        self._rig = rig
        self._verdicts = verdicts
        self._shard = shard
        self._commit = engine_commit(ROOT)
        self._known = {name for name, verdict in verdicts.all().items() if verdict.commit == self._commit}
        self._began = time.monotonic()

    def run(self, scenarios: Iterable[str], *, blows: Iterable[Blow], doubles: bool) -> None:
        """Every cell of these scenarios that is in the shard."""
        for name in scenarios:
            singles = [cell for blow in blows if takes(name, blow) for cell in self._rig.cells(name, blow)]
            self._run_all(name, singles)
            if doubles and name in DOUBLES:
                self._run_all(name, self._doubles(singles))
        self._close()

    def _run_all(self, scenario: str, cells: Iterable[Cell]) -> None:
        listed = cells if isinstance(cells, list) else None
        for number, cell in enumerate(cells):
            if self._shard.has(str(cell)) and str(cell) not in self._known:
                self.judge(cell)
                self._tell(scenario, number + 1, len(listed) if listed else 0)
                if len(self._rig) >= MOST_JOBS or (self.red and self.red[-1].cell == str(cell)):
                    self._close()

    def _doubles(self, singles: Iterable[Cell]) -> Iterator[Cell]:
        """For each place, every place that is reached after a kill there."""
        for first in singles:
            if first.strokes[0].blow is not Blow.KILL or not self._shard.has(f"{first}/kill"):
                continue
            for place in self._rig.places(first):
                yield Cell(first.scenario, (*first.strokes, Stroke(Blow.KILL, place)))

    def judge(self, cell: Cell) -> Verdict:
        """Run one cell, and note its verdict."""
        run = self._rig.run(cell)
        return self._note(cell, self._rig.judge(run))

    def _note(self, cell: Cell, wrong: list[str]) -> Verdict:
        today = datetime.now(UTC).date().isoformat()
        verdict = Verdict(str(cell), RED if wrong else GREEN, self._commit, today, "; ".join(wrong)[:500])
        self._verdicts.add(cell.scenario, [verdict])
        self.judged += 1
        if verdict.is_red:
            self.red.append(verdict)
            print(f"\nRED {cell}\n    {verdict.why}\n    make crash CELL='{cell}'", flush=True)
        return verdict

    def _close(self) -> None:
        known = {verdict.cell for verdict in self.red}
        for cell, wrong in self._rig.close().items():
            if str(cell) not in known:
                self._note(cell, wrong)

    def _tell(self, scenario: str, number: int, of: int) -> None:
        seconds = time.monotonic() - self._began
        rate = self.judged / seconds if seconds else 0.0
        left = f", {(of - number) / rate / self._shard.of:.0f} s to go in it" if of and rate else ""
        line = f"{scenario}: {number}/{of or '…'}  {self.judged} judged, {len(self.red)} red, {rate:.1f} a second{left}"
        if sys.stdout.isatty():
            print(f"\r\x1b[K{line}", end="", flush=True)
        elif self.judged % 50 == 0:
            print(line, flush=True)


def takes(scenario: str, blow: Blow) -> bool:
    """Whether a scenario takes this blow."""
    return blow is Blow.KILL or scenario in OTHER_BLOWS[blow]
