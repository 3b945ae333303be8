"""Each workload of Aetheris runs, and says what the tables and the verdict need."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.catalogue import EFFECTS, RECOVERED, TABLES
from benchmarks.figures import Figures
from benchmarks.judge import RULES
from benchmarks.servers import servers
from benchmarks.text import page
from benchmarks.turns import driven

WORDS = ("w1=2", "w2=1", "w3=2", "w4=10,100", "w5=2", "w7=4", "w6", "probe=1", "grown=20,1", "wide=10", "tenants=1")
TOLD = {"w1": 5, "w2": 2, "w3": 2, "w4": 2, "w5": 2, "w6": 1, "w7": 1, "probe": 3, "grown": 1, "wide": 1, "tenants": 1}
SETTINGS = {"BENCH_QUICK": "1", "BENCH_THREADS": "2", "AETHERIS_LEASE_SECONDS": "3"}
LEFT_OUT = [
    "W1 steps/s, flush of 2 ms (3 × Absurd)",
    "W2 20 at once, s",
    "W4 ms per step of 10,000, with its start",
]
"""Rules about sizes that a tiny run does not have."""


def test_all_of_them_at_tiny_size(tmp_path: Path) -> None:
    """One test, because workers and tables are made for all of them once."""
    with servers(tmp_path / "run") as environ:
        lines = list(driven("aetheris", WORDS, Path(sys.executable), environ | SETTINGS))
    assert [line for line in lines if "error" in line] == []
    assert Counter(line["workload"] for line in lines) == TOLD
    costs_are_told_by_process(lines)
    figures = Figures(lines)
    the_killed_step_had_one_effect(figures)
    assert [rule.title for rule in RULES if rule.ours(figures) is None] == LEFT_OUT
    shown = page(figures, {"cores": "2"})
    assert all(f"## {title}" in shown for workload, (title, _) in TABLES.items() if workload in TOLD)
    assert "## What failed" not in shown


def costs_are_told_by_process(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        if line["workload"] == "w1":
            assert set(line["cpu_ms_by"]) == {"worker", "beat", "postgres", "valkey", "driver"}
            assert line["commits_per_step"] >= 1
            assert line["wal_per_step"] > 0


def the_killed_step_had_one_effect(figures: Figures) -> None:
    """It began twice, under one key."""
    assert figures.ours(EFFECTS) == 1
    assert figures.ours(RECOVERED) is not None
