"""Cells have names that lead back to them, verdicts can be told again, and shards are the whole."""

from pathlib import Path

import pytest

from aetheris.testing.crash_matrix.scenario import Blow, Cell, Place, Stroke, cell_named
from aetheris.testing.crash_matrix.verdicts import Verdict, Verdicts
from tests.chaos.matrix.session import Shard

PLACE = Place("2.work", "claim.commit.before", 1)
CELLS = [
    Cell("refund-once"),
    Cell("refund-once", (Stroke(Blow.KILL, PLACE),)),
    Cell("refund-once", (Stroke(Blow.LATE_ZOMBIE, PLACE), Stroke(Blow.KILL, Place("cancel", "ring.after", 12)))),
]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_name_leads_back_to_its_cell(cell: Cell) -> None:
    assert cell_named(str(cell)) == cell


@pytest.mark.parametrize("name", ["refund/kill", "refund/hit@2.work:a~1", "refund/kill@2.work:a", "refund/kill@a~1"])
def test_what_names_no_cell_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        cell_named(name)


def test_the_last_verdict_of_a_cell_counts(tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path / "made")
    red = Verdict("a/kill@x:y~1", "red", "1", "2026-11-20", "I1: twice")
    green = Verdict(red.cell, "green", "2", "2026-11-21")
    other = Verdict("b/kill@x:y~1", "green", "2", "2026-11-21")
    verdicts.add("b", [other])
    verdicts.add("a", [red])
    assert verdicts.all() == {red.cell: red, other.cell: other}
    verdicts.add("a", [green])
    assert verdicts.all() == {red.cell: green, other.cell: other}


def test_shards_are_the_whole_and_share_nothing() -> None:
    names = [f"cell {number}" for number in range(1000)]
    shards = [{name for name in names if Shard(number, 3).has(name)} for number in (1, 2, 3)]
    assert sum(map(len, shards)) == len(set.union(*shards)) == 1000
    assert all(len(shard) > 250 for shard in shards)
