"""Each workload of Aetheris runs, and says what the tables and the verdict need."""

from collections import Counter
from typing import Any

from benchmarks.catalogue import EFFECTS, RECOVERED, TABLES
from benchmarks.figures import Figures
from benchmarks.judge import RULES
from benchmarks.text import page

Lines = list[dict[str, Any]]


def test_each_workload_is_measured(lines: Lines) -> None:
    assert [line for line in lines if "error" in line] == []
    told = Counter(line["workload"] for line in lines)
    assert told == {"w1": 3, "w2": 1, "w3": 1, "w4": 2, "w5": 1, "w6": 1, "w7": 1, "probe": 3, "grown": 1}


def test_what_a_step_costs_is_told_by_process(lines: Lines) -> None:
    for line in lines:
        if line["workload"] == "w1":
            assert set(line["cpu_ms_by"]) == {"worker", "beat", "postgres", "valkey", "driver"}
            assert line["commits_per_step"] >= 1
            assert line["wal_per_step"] > 0


def test_the_killed_step_had_one_effect(lines: Lines) -> None:
    """It began twice, under one key."""
    figures = Figures(lines)
    assert figures.ours(EFFECTS) == 1
    assert figures.ours(RECOVERED) is not None


def test_every_rule_of_ours_finds_its_figure(lines: Lines) -> None:
    """But those of sizes that a tiny run leaves out."""
    figures = Figures(lines)
    without = [rule.title for rule in RULES if rule.ours(figures) is None]
    assert without == [
        "W1 steps/s, flush of 2 ms (3 × Absurd)",
        "W2 20 at once, s",
        "W4 ms per step of 10,000, with its start",
    ]


def test_a_run_is_shown(lines: Lines) -> None:
    shown = page(Figures(lines), {"cores": "2"})
    measured = {line["workload"] for line in lines}
    assert all(f"## {title}" in shown for workload, (title, _) in TABLES.items() if workload in measured)
    assert "## What failed" not in shown
