"""Must and goal: what Aetheris is to reach, against its peers of the same run where that is what is asked."""

from collections.abc import Callable
from dataclasses import dataclass

from aetheris.conf import Configuration
from benchmarks import catalogue as c
from benchmarks.figures import Figure, Figures

Number = float | None
Limit = Callable[[Figures], Number]
LEASE = float(Configuration.model_fields["lease_seconds"].default)
SLOW_STEP = 3.0


@dataclass(frozen=True)
class Rule:
    """One figure and its two limits; None: nothing to compare with in this run."""

    title: str
    ours: Limit
    must: Limit
    goal: Limit
    at_least: bool = False

    def holds(self, value: float, limit: Number) -> bool | None:
        if limit is None:
            return None
        return value >= limit if self.at_least else value <= limit


def _of(figure: Figure) -> Limit:
    return lambda figures: figures.ours(figure)


def _fixed(value: Number) -> Limit:
    return lambda figures: value


def _times(factor: float, peer: str, figure: Figure) -> Limit:
    def limit(figures: Figures) -> Number:
        best = figures.best(peer, figure)
        return None if best is None else factor * best

    return limit


def _highest(*limits: Limit) -> Limit:
    return lambda figures: max((found for limit in limits if (found := limit(figures)) is not None), default=None)


def _ratio(one: Figure, other: Figure) -> Limit:
    def ratio(figures: Figures) -> Number:
        above, below = figures.ours(one), figures.ours(other)
        return None if above is None or not below else above / below

    return ratio


def _more(one: Figure, other: Figure) -> Limit:
    def more(figures: Figures) -> Number:
        above, below = figures.ours(one), figures.ours(other)
        return None if above is None or below is None else max(0.0, above - below)

    return more


def _slope(figures: Figures) -> Number:
    """By how much the dearest length is dearer than the cheapest."""
    found = [value for figure in c.GROWTH.values() if (value := figures.ours(figure)) is not None]
    return max(found) / min(found) if len(found) > 1 else None


def _dearest(figures: Figures) -> Number:
    return max((value for figure in c.GROWTH.values() if (value := figures.ours(figure)) is not None), default=None)


RULES = (
    Rule(
        "W1 steps/s (3 × DBOS, 2 × Absurd; Restate)",
        _of(c.STEPS),
        _highest(_times(3, "dbos", c.STEPS), _times(2, "absurd", c.STEPS)),
        _times(1, "restate", c.STEPS),
        at_least=True,
    ),
    Rule("W1 CPU ms per step", _of(c.CPU), _fixed(1.0), _fixed(0.7)),
    Rule(
        "W1 steps/s, flush of 2 ms (3 × Absurd)",
        _of(c.SLOW_STEPS),
        _times(3, "absurd", c.SLOW_STEPS),
        _fixed(2_000),
        at_least=True,
    ),
    Rule("W2 one, s", _of(c.FAN), _fixed(0.13), _fixed(0.04)),
    Rule("W2 20 at once, s", _of(c.FANS), _fixed(2.7), _fixed(0.58)),
    Rule("W3 p50 ms", _of(c.WAKE), _fixed(5.5), _fixed(3)),
    Rule("W3 p95 ms", _of(c.WAKE_LATE), _fixed(10), _fixed(6)),
    Rule("W4 ms per step, dearest length", _dearest, _fixed(1.2), _fixed(0.6)),
    Rule("W4 ms per step of 10,000, with its start", _of(c.WHOLE), _fixed(1.2), _fixed(0.6)),
    Rule("W4 dearest length by cheapest", _slope, _fixed(1.15), _fixed(1.15)),
    Rule("W5 result p50 ms", _of(c.RESULT), _fixed(10), _fixed(5)),
    Rule("W6 kill to last step, s", _of(c.RECOVERED), _fixed(SLOW_STEP + LEASE + 2), _fixed(SLOW_STEP + 1)),
    Rule("W6 effects of the killed step", _of(c.EFFECTS), _fixed(1), _fixed(1)),
    Rule("W7 create 10,000, s", _of(c.CREATE), _fixed(20), _fixed(20)),
    Rule("W7 idle more than before, % of a core", _more(c.IDLE, c.IDLE_BEFORE), _fixed(0.5), _fixed(0.5)),
    Rule("W7 memory more than before, MB", _more(c.MEMORY, c.MEMORY_BEFORE), _fixed(20), _fixed(10)),
    Rule("W7 result beside them by before", _ratio(c.W5_BESIDE, c.W5_BEFORE), _fixed(1.3), _fixed(1.1)),
    Rule("W7 wake beside them by before", _ratio(c.W3_BESIDE, c.W3_BEFORE), _fixed(1.3), _fixed(1.1)),
    Rule("W7 a sweep, ms", _of(c.SWEEP), _fixed(None), _fixed(20)),
    *(
        Rule(f"full tables: {c.GROWN[name].title}, by empty", _of(c.GROWN[name]), _fixed(1.3), _fixed(1.1))
        for name in ("claim_ms", "commit_ms", "result_p50_ms")
    ),
)
