"""A session: which cells are to be run now, and each one's verdict, live."""

import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from zlib import crc32

from aetheris.testing.crash_matrix.rig import Broken, Rig
from aetheris.testing.crash_matrix.scenario import Blow, Cell
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
        self._left = 0
        self._began = time.monotonic()

    def run(self, scenarios: Iterable[str], *, blows: Collection[Blow], doubles: bool) -> None:
        """Every cell of these scenarios that is in the shard."""
        singles = [cell for name in scenarios for cell in self._following(Cell(name), blows)]
        rows = [cell for cell in singles if doubles and is_killed_again(cell) and self._shard.has(f"{cell}/again")]
        todo = [cell for cell in singles if self._shard.has(str(cell)) and str(cell) not in self._known]
        widths = Counter(cell.scenario for cell in singles if is_killed_again(cell))
        self._left = len(todo) + sum(widths[row.scenario] for row in rows)
        self._began = time.monotonic()
        for cell in todo:
            self.judge(cell)
        for row in rows:
            following = self._following(row, [Blow.KILL])
            due = [cell for cell in following if str(cell) not in self._known]
            self._left += len(due) - widths[row.scenario]
            for cell in due:
                self.judge(cell)
        self.close()

    def judge(self, cell: Cell) -> None:
        """Run one cell, and note its verdict."""
        run = self._rig.run(cell)
        wrong = self._rig.judge(run)
        self._note(cell, wrong)
        self._tell(cell)
        if wrong or len(self._rig) >= MOST_JOBS:
            self.close()

    def close(self) -> None:
        """What only shows when all jobs are looked over together."""
        known = {verdict.cell for verdict in self.red}
        for cell, wrong in self._rig.close().items():
            if str(cell) not in known:
                self._note(cell, wrong)

    def _following(self, cell: Cell, blows: Collection[Blow]) -> list[Cell]:
        """Cells with one blow more; none of one that is red itself."""
        try:
            return self._rig.cells(cell, *(blow for blow in blows if takes(cell.scenario, blow)))
        except Broken as broken:
            self._note(cell, [str(broken)])
            self.close()
            return []

    def _note(self, cell: Cell, wrong: list[str]) -> None:
        today = datetime.now(UTC).date().isoformat()
        verdict = Verdict(str(cell), RED if wrong else GREEN, self._commit, today, "; ".join(wrong)[:500])
        self._verdicts.add(cell.scenario, [verdict])
        self.judged += 1
        if verdict.is_red:
            self.red.append(verdict)
            print(f"\nRED {cell}\n    {verdict.why}\n    make crash CELL='{cell}'", flush=True)

    def _tell(self, cell: Cell) -> None:
        """How far it is: live on a terminal, else now and then."""
        self._left -= 1
        rate = self.judged / max(0.1, time.monotonic() - self._began)
        minutes = self._left / rate / 60
        line = f"{self.judged} judged, {len(self.red)} red, {rate:.1f} a second; {self._left} to go, {minutes:.0f} min"
        if sys.stdout.isatty():
            print(f"\r\x1b[K{line}  {cell}"[:200], end="", flush=True)
        elif self.judged % 50 == 0:
            print(f"{line}  {cell.scenario}", flush=True)


def takes(scenario: str, blow: Blow) -> bool:
    """Whether a scenario takes this blow."""
    return blow is Blow.KILL or scenario in OTHER_BLOWS[blow]


def is_killed_again(cell: Cell) -> bool:
    """Whether whoever goes on after this kill is killed too."""
    return cell.scenario in DOUBLES and cell.strokes[0].blow is Blow.KILL
