"""What the command line asks for."""

import argparse
from collections import Counter

from aetheris.testing.crash_matrix.rig import Rig
from aetheris.testing.crash_matrix.scenario import Blow, Cell, cell_named
from aetheris.testing.crash_matrix.servers import Servers
from aetheris.testing.crash_matrix.verdicts import Verdicts
from tests.chaos.matrix.scenarios import LIAR, SCENARIOS
from tests.chaos.matrix.session import FOLDER, Session, Shard, takes


def run(servers: Servers, options: argparse.Namespace) -> int:
    """The exit code: whether a cell was red."""
    rig = Rig(servers, [*SCENARIOS.values(), LIAR])
    rig.prepare()
    scenarios = options.scenario or list(SCENARIOS)
    blows = [Blow(blow) for blow in options.blow or Blow]
    if options.count:
        return _count(rig, scenarios, blows)
    number, of = map(int, options.shard.split("/"))
    session = Session(rig, Verdicts(options.verdicts or FOLDER), Shard(number, of))
    if options.cell:
        session.judge(cell_named(options.cell))
        session.close()
    else:
        session.run(scenarios, blows=blows, doubles=not options.singles)
    print(f"\n{session.judged} cells judged, {len(session.red)} red")
    return 1 if session.red else 0


def _count(rig: Rig, scenarios: list[str], blows: list[Blow]) -> int:
    total = 0
    for name in scenarios:
        cells = rig.cells(Cell(name), *(blow for blow in blows if takes(name, blow)))
        found = Counter(cell.strokes[0].blow.value for cell in cells)
        total += sum(found.values())
        print(name, *(f"{blow} {number}" for blow, number in found.items()))
    print(f"{total} cells with one blow")
    return 0
