"""A run as such: who comes after whom, what medians and verdicts are, and what peers may bring along."""

from pathlib import Path

import pytest

from benchmarks import catalogue, environments
from benchmarks.figures import Figure, Figures
from benchmarks.judge import RULES
from benchmarks.plan import PEERS, turns

LOCKS = sorted(environments.HERE.rglob("requirements.lock"))


def test_peers_take_turns() -> None:
    taken = [(turn.peer, turn.workload) for turn in turns(["aetheris", "dbos"], ["w1", "w5=7"], 2, quick=False)]
    assert taken == [("aetheris", "w1"), ("dbos", "w1")] * 2 + [("aetheris", "w5"), ("dbos", "w5")] * 2


def test_a_size_of_ones_own_stands() -> None:
    assert [turn.word for turn in turns(["dbos"], ["w5=7", "w1-slow"], 1, quick=False)] == ["w5=7", "w1=200"]


def test_a_figure_is_the_median_of_each_way() -> None:
    figure = Figure("w1", "deep.steps", "steps/s", more_is_better=True)
    lines = [
        {"peer": peer, "workload": "w1", "mode": mode, "deep": {"steps": steps}}
        for peer, mode, steps in [
            ("dbos", "a", 1),
            ("dbos", "a", 9),
            ("dbos", "a", 2),
            ("dbos", "b", 5),
            ("absurd", "a", 7),
        ]
    ]
    figures = Figures([*lines, {"about": {}}, {"peer": "dbos", "workload": "w1", "error": "it broke"}])
    assert figures.modes(figure) == {("dbos", "a"): 2, ("dbos", "b"): 5, ("absurd", "a"): 7}
    assert figures.best("dbos", figure) == 5


def test_throughput_must_beat_the_best_of_two_peers() -> None:
    lines = [
        {"peer": peer, "workload": "w1", "mode": mode, "steps_per_s": steps}
        for peer, mode, steps in [("aetheris", "chain, x", 1_700), ("dbos", "", 500), ("absurd", "", 900)]
    ]
    rule, figures = RULES[0], Figures(lines)
    assert rule.must(figures) == 1_800
    assert rule.goal(figures) is None
    assert rule.holds(1_700, rule.must(figures)) is False
    assert rule.holds(1_800, rule.must(figures)) is True


def test_each_peer_has_a_driver_and_each_table_a_workload() -> None:
    assert all((environments.HERE / "peers" / peer / "__main__.py").exists() for peer in PEERS)
    assert set(catalogue.TABLES) <= {workload for listed in PEERS.values() for workload in listed}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.parent.name))
def test_what_peers_need_is_names_versions_and_hashes(lock: Path) -> None:
    for line in lock.read_text().splitlines():
        assert line.lstrip().startswith("--hash=sha256:") or "==" in line
        assert "://" not in line
