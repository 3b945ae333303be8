"""Retry policies: tries come later and later, never all at once, and they end."""

from typing import Any

import pytest

from aetheris.core import ids
from aetheris.core.errors import GraphError
from aetheris.core.graph import TaskGraph
from aetheris.core.retry import LONGEST_SECONDS, MOST_TRIES, RetryPolicy


def test_tries_come_later_and_later_and_end() -> None:
    policy = RetryPolicy(max_tries=5, first_seconds=1, factor=3, longest_seconds=10, jitter=0)
    assert [policy.delay_seconds(tries) for tries in range(1, 7)] == [1.0, 3.0, 9.0, 10.0, None, None]


def test_by_default_there_are_three_tries() -> None:
    policy = RetryPolicy()
    assert [policy.delay_seconds(tries) is None for tries in (1, 2, 3, 4)] == [False, False, True, True]


def test_one_try_has_no_second() -> None:
    assert RetryPolicy(max_tries=1).delay_seconds(1) is None


@pytest.mark.parametrize("jitter", [0.0, 0.1, 0.5, 0.99])
def test_jitter_stays_within_its_share(jitter: float) -> None:
    policy = RetryPolicy(max_tries=2, first_seconds=8, longest_seconds=8, jitter=jitter)
    pauses = [policy.delay_seconds(1) or 0.0 for _ in range(2000)]
    assert 8 * (1 - jitter) <= min(pauses) <= max(pauses) <= 8
    assert (len(set(pauses)) > 1000) == (jitter > 0), "many nodes that failed at once do not come back at once"


@pytest.mark.parametrize(("noise", "pause"), [(b"\x00", 8.0), (b"\x80", 6.0), (b"\xff", 4.0)])
def test_jitter_comes_from_the_seam_of_randomness(monkeypatch: pytest.MonkeyPatch, noise: bytes, pause: float) -> None:
    monkeypatch.setattr(ids, "random_bytes", lambda size: noise.ljust(size, noise if noise == b"\xff" else b"\x00"))
    assert RetryPolicy(first_seconds=8, longest_seconds=8, jitter=0.5).delay_seconds(1) == pytest.approx(pause)


def test_no_policy_that_is_sound_overflows() -> None:
    policy = RetryPolicy(
        max_tries=MOST_TRIES, first_seconds=LONGEST_SECONDS, factor=100, longest_seconds=LONGEST_SECONDS, jitter=0
    )
    policy.check()
    assert {policy.delay_seconds(tries) for tries in range(1, MOST_TRIES)} == {LONGEST_SECONDS}


NAN = float("nan")
SOUND: list[dict[str, Any]] = [
    {},
    {"max_tries": 1},
    {"max_tries": MOST_TRIES},
    {"first_seconds": 1e-9},
    {"first_seconds": 30.0},
    {"longest_seconds": LONGEST_SECONDS},
    {"factor": 1},
    {"factor": 100},
    {"jitter": 0},
    {"jitter": 0.999},
]
UNSOUND: list[dict[str, Any]] = [
    {"max_tries": 0},
    {"max_tries": -1},
    {"max_tries": MOST_TRIES + 1},
    {"max_tries": NAN},
    {"first_seconds": 0},
    {"first_seconds": -1},
    {"first_seconds": 31.0},
    {"first_seconds": NAN},
    {"longest_seconds": LONGEST_SECONDS + 1},
    {"longest_seconds": NAN},
    {"longest_seconds": float("inf")},
    {"factor": 0.5},
    {"factor": 101},
    {"factor": NAN},
    {"jitter": -0.1},
    {"jitter": 1},
    {"jitter": NAN},
]


@pytest.mark.parametrize("values", SOUND, ids=str)
def test_a_sound_policy_passes(values: dict[str, Any]) -> None:
    RetryPolicy(**values).check()


@pytest.mark.parametrize("values", UNSOUND, ids=str)
def test_an_unsound_policy_is_refused_where_it_is_written(values: dict[str, Any]) -> None:
    graph = TaskGraph()
    graph.tool("act", "act")
    with pytest.raises(GraphError) as refused:
        graph.options("act", retry=RetryPolicy(**values))
    assert refused.value.code == "RETRY_POLICY_INVALID"
    assert "options" not in graph.nodes["act"].config
