"""The crash matrix: in each test run the refund, killed once at every commit and every call; and that a cell can be
red. `make crash` runs all of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from aetheris.core.handlers import Effect
from aetheris.testing.crash_matrix.seen import StepSeen
from aetheris.testing.crash_matrix.table import at_rest
from tests import own_database
from tests.conftest import Clock
from tests.docs.reading import ROOT
from tests.e2e.killing_worker import Moment
from tests.e2e.test_kill_table import TABLE

SHARDS = 2
PLACES = 30
"""A refund reaches at least so many failpoints."""


def matrix(verdicts: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`make crash` over the database of this test."""
    connection.close()
    return subprocess.run(
        [sys.executable, "-m", "tests.chaos.matrix", "--verdicts", str(verdicts), *arguments],
        cwd=ROOT,
        env={**os.environ, "AETHERIS_DATABASE_URL": own_database.url()},
        capture_output=True,
        text=True,
        timeout=550,
    )


@pytest.mark.parametrize("shard", range(1, SHARDS + 1))
def test_a_refund_that_is_killed_anywhere(clock: Clock, tmp_path: Path, shard: int) -> None:
    ran = matrix(tmp_path, "--scenario=refund-idempotent", "--blow=kill", "--singles", f"--shard={shard}/{SHARDS}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    cells = [json.loads(line) for line in (tmp_path / "refund-idempotent.ndjson").read_text().splitlines()]
    assert {cell["verdict"] for cell in cells} == {"green"}
    assert len(cells) > PLACES / SHARDS / 2


def test_a_tool_that_lies_about_its_provider_is_found_out(clock: Clock, tmp_path: Path) -> None:
    ran = matrix(tmp_path, "--cell=liar/kill@2.work:call_tool.after~1")
    assert ran.returncode == 1, ran.stderr
    assert "I1: pay was applied 2 times" in ran.stdout
    assert "make crash CELL='liar/kill@2.work:call_tool.after~1'" in ran.stdout


def left_at(effect: Effect, moment: Moment) -> StepSeen:
    """How a kill at this moment of the kill table leaves an effect."""
    called = moment in (Moment.AFTER_CALL, Moment.BEFORE_COMMIT, Moment.AFTER_COMMIT)
    stands = called and (effect is not Effect.TRANSACTIONAL or moment is Moment.AFTER_COMMIT)
    entries = {Moment.BEFORE_OPENING: (), Moment.AFTER_COMMIT: ("committed 1",)}.get(moment, ("started 1",))
    return StepSeen(int(called), int(stands), int(stands and effect.writes), False, entries)


@pytest.mark.parametrize(("effect", "row"), TABLE.items(), ids=TABLE)
def test_a_cell_is_judged_by_the_kill_table(effect: str, row: dict[Moment, object]) -> None:
    """`at_rest` says of each of its rows what real workers have shown."""
    for moment in row:
        expected = TABLE[effect][moment]
        told = at_rest(Effect(effect), left_at(Effect(effect), moment))
        assert (told.calls, told.applied, list(told.entries)) == (
            expected.requests,
            expected.applied,
            expected.entries,
        ), moment
        assert told.asked == bool(expected.asked), moment
