"""Make docs/reliability-report.md from the verdicts that are committed, and from nothing else.

.venv/bin/python docs/make_reliability_report.py
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reliability-report.md"
FOLDER = ROOT / "tests" / "chaos" / "verdicts"
sys.path.insert(0, str(ROOT))

from aetheris.testing.crash_matrix.verdicts import Verdict, Verdicts, engine_commit  # noqa: E402
from tests.chaos.matrix.gaps import NOT_CHECKED, NOT_REACHED  # noqa: E402
from tests.chaos.soak.verdict import Verdict as Soak  # noqa: E402
from tests.chaos.soak.verdict import kept as soaks_kept  # noqa: E402

HEAD = """\
# Reliability report

This page is made by `docs/make_reliability_report.py` from the verdicts in `tests/chaos/verdicts`, each of which was
written by a run, and from nothing else.

## Crash matrix

`make crash` runs a job once undisturbed, which tells every commit and every call outside that it makes, and then once
more for each of them, with a process struck just before or just after it
([how](../aetheris/testing/crash_matrix/__init__.py)). Then another worker goes on. A cell is green if each effect
happened as the kill table of [guarantees](guarantees.md#kill--9-during-a-tool-call) says, the job came to its end and
all invariants of `aetheris.testing.invariants` hold. Green on an older engine is no longer shown: run it again.
"""
SOAK = """## Soak

`make chaos` loads a whole instance for some minutes and kills, stops and cuts off its processes and servers at random
([how often](../tests/chaos/soak/faults.py)); then no fault is left, and within a minute all must have come to rest.
Green: no effect was applied twice at the sink, no job is lost or stuck, every unknown effect is of class `once` and its
sender was killed while it was under way (or has brought the answer since), and all invariants hold.
"""
SOAK_COLUMNS = (
    *("run", "engine", "seed", "minutes", "jobs", "effects", "kills", "restarts"),
    *("duplicates", "lost", "stuck", "unknown", "at rest after", "recovery p50, p99", "verdict"),
)
COLUMNS = ("scenario", "cells", "green", "red", "of them on an older engine", "last run")
BLOWS = {
    "kill": "killed with -9",
    "kill kill": "killed, and whoever went on killed too",
    "zombie": "stopped beyond its lease, woken before people answer",
    "late-zombie": "stopped beyond its lease, woken when the job has ended",
    "cut": "the answer of the COMMIT lost",
    "drop": "the connection lost before the COMMIT",
    "database": "PostgreSQL killed with -9",
}


def page(verdicts: Iterable[Verdict], engine: str) -> str:
    """The whole page."""
    listed = list(verdicts)
    matrix = [*_totals(listed, engine), *_by_scenario(listed, engine), *_red(listed), *_gaps()]
    return "\n".join([HEAD, *matrix, *_soaks(soaks_kept())])


def scenario_of(verdict: Verdict) -> str:
    return verdict.cell.split("/", 1)[0]


def blows_of(verdict: Verdict) -> str:
    return " ".join(stroke.split("@", 1)[0] for stroke in verdict.cell.split("/")[1:])


def _totals(verdicts: list[Verdict], engine: str) -> Iterator[str]:
    red = sum(verdict.is_red for verdict in verdicts)
    older = sum(verdict.commit != engine for verdict in verdicts)
    yield f"**{len(verdicts)} cells, {red} red.** When this page was made the engine had last been changed by"
    yield f"`{engine}`; {older} of the verdicts are older.\n"
    yield "| a process is … | cells | red | on an older engine |\n|---|---|---|---|"
    for blow, said in BLOWS.items():
        of_blow = [verdict for verdict in verdicts if blows_of(verdict) == blow]
        numbers = len(of_blow), sum(each.is_red for each in of_blow), sum(each.commit != engine for each in of_blow)
        yield f"| {said} | {' | '.join(map(str, numbers))} |"


def _by_scenario(verdicts: list[Verdict], engine: str) -> Iterator[str]:
    yield f"\n### Scenarios\n\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"
    for name in sorted({scenario_of(verdict) for verdict in verdicts}):
        mine = [verdict for verdict in verdicts if scenario_of(verdict) == name]
        red = sum(verdict.is_red for verdict in mine)
        older = sum(verdict.commit != engine for verdict in mine)
        cells = (f"`{name}`", len(mine), len(mine) - red, red, older, max(verdict.date for verdict in mine))
        yield f"| {' | '.join(map(str, cells))} |"


def _red(verdicts: list[Verdict]) -> Iterator[str]:
    red = [verdict for verdict in verdicts if verdict.is_red]
    yield "\n### Red cells\n"
    yield from (f"- `make crash CELL='{verdict.cell}'`: {verdict.why.splitlines()[-1]}" for verdict in red)
    if not red:
        yield "None."


def _gaps() -> Iterator[str]:
    yield "\n### Not checked\n"
    yield from (f"- {what}: {why}" for what, why in NOT_CHECKED.items())
    yield "- Failpoints that no cell strikes:"
    yield from (f"  - `{name}`: {why}" for name, why in NOT_REACHED.items())
    yield ""


def _soaks(runs: Iterable[Soak]) -> Iterator[str]:
    yield f"{SOAK}\n| {' | '.join(SOAK_COLUMNS)} |\n|{'---|' * len(SOAK_COLUMNS)}"
    for run in runs:
        total = (sum(each.values()) for each in (run.effects, run.kills, run.restarts))
        times = f"{run.quiescent_after} s", f"{run.recovery_p50} s, {run.recovery_p99} s"
        counted = (run.duplicates, run.lost, run.stuck, sum(run.unknown.values()))
        drawn = (run.date, f"`{run.commit}`", run.seed, f"{run.seconds / 60:g}", run.jobs)
        cells = (*drawn, *total, *counted, *times, "green" if run.is_green else "red")
        yield f"| {' | '.join(map(str, cells))} |"
    yield ""


if __name__ == "__main__":
    found = Verdicts(FOLDER).all().values()
    PAGE.write_text(page(found, engine_commit(ROOT)))
