"""What a node costs: at both ends of a long chain, in a fan-out, in transactions."""

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Running, eventually
from tests.figures.agents import END, NOTES, START
from tests.figures.conftest import Figure

pytestmark = pytest.mark.figure
OPTIONS = ("--app", "tests.figures", "--workers", "1")

LENGTH, BRANCHES, FEW = END[1], 100, 10
PLANNED = "SELECT finished_at - started_at FROM jobs_node WHERE job_id = %(job)s AND path = 'plan'"
WRITERS = "SELECT count(DISTINCT txid) FROM ledger_event WHERE job_id = %(job)s"
CALLED = "SELECT count(*) FROM ledger_entry WHERE job_id = %(job)s AND state = 'committed' AND sends = 1"


def test_a_step_costs_the_same_at_both_ends_of_a_long_chain(running: Running, figure: Figure) -> None:
    job = running.submit(str(LENGTH), agent="long-chain")
    # Neither the database nor the web process is asked meanwhile.
    eventually(lambda: LENGTH in notes(running.data), 1_200, "the chain did not come to its end")
    running.until(job, 60, "completed")
    planned = running.rows(PLANNED, job=job)[0][0].total_seconds()
    for what, unit in (("cpu", "CPU ms"), ("statements", "statements")):
        start, end = (each_step(notes(running.data), what, *steps) for steps in (START, END))
        name = f"a chain of {LENGTH:,} (planned in {planned:.1f} s): {unit} a step {start:.1f} -> {end:.1f}"
        figure(name, end / start, 1.15, "times")


def test_a_wide_fan_out_finishes(running: Running, figure: Figure) -> None:
    job = running.submit(str(BRANCHES), agent="fan-out")
    running.until(job, 60, "completed")
    figure(f"a fan-out of {BRANCHES}: nodes not called once", BRANCHES + 1 - running.rows(CALLED, job=job)[0][0], 0)


def test_a_chain_of_ten_takes_few_transactions(running: Running, figure: Figure) -> None:
    """Submit, claim of the plan, plan and first claim, nine times commit and claim, last commit."""
    job = running.submit(str(FEW), agent="long-chain")
    running.until(job, 60, "completed")
    figure(f"a chain of {FEW}: writing transactions", running.rows(WRITERS, job=job)[0][0], FEW + 3)


def notes(data: Path) -> dict[int, dict[str, float]]:
    """Step → what was spent until then."""
    file = data / NOTES
    lines = file.read_text().splitlines() if file.exists() else []
    return {note["step"]: note for note in map(json.loads, lines)}


def each_step(spent: dict[int, dict[str, float]], what: str, first: int, last: int) -> float:
    return (spent[last][what] - spent[first][what]) / (last - first)
