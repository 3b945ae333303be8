"""The run as text: what must hold, a table for each workload, and bars."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.catalogue import CPU, FANS, GROWTH, RESULT, SLOW_STEPS, STEPS, TABLES, WAKE
from benchmarks.figures import Figure, Figures
from benchmarks.judge import RULES

BARS = (STEPS, CPU, SLOW_STEPS, FANS, WAKE, GROWTH[1_000], RESULT)
_WIDE = 50
_NOTHING = "–"
_WORDS = {True: "ok", False: "short", None: ""}


def page(figures: Figures, about: Mapping[str, Any]) -> str:
    """The whole run."""
    facts = ", ".join(f"{name} {value}" for name, value in about.items())
    parts = ["# A run of the benchmarks", f"{facts}.", "Medians; only their ratios mean anything, and only here."]
    if verdicts := list(_verdicts(figures)):
        parts += ["## Must and goal", _table(("figure", "measured", "must", "", "goal", ""), verdicts)]
    for workload, (title, shown) in TABLES.items():
        if rows := list(_rows(figures, workload, shown)):
            heads = ["peer", "mode", *(figure.title for figure in shown), "Aetheris is × as good"]
            parts += [f"## {title}", _table(heads, rows)]
    if bars := [drawn for figure in BARS if (drawn := _bars(figures, figure))]:
        parts += ["## Bars", *bars]
    parts += _failures(figures)
    return "\n\n".join(parts) + "\n"


def number(value: float | None) -> str:
    """As precise as it is telling."""
    if value is None:
        return _NOTHING
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _verdicts(figures: Figures) -> Iterator[Sequence[str]]:
    """A row for each rule whose figure was measured."""
    for rule in RULES:
        ours = rule.ours(figures)
        if ours is not None:
            limits = (rule.must(figures), rule.goal(figures))
            words = [(number(limit), _WORDS[rule.holds(ours, limit)]) for limit in limits]
            yield [rule.title, number(ours), *(word for pair in words for word in pair)]


def _rows(figures: Figures, workload: str, shown: Sequence[Figure]) -> Iterator[Sequence[str]]:
    """A row for each peer and mode, the best first; the ratio says how many times as good Aetheris is."""
    first, ours = shown[0], figures.ours(shown[0])
    columns = [figures.modes(figure) for figure in shown]
    order = list(dict.fromkeys(who for column in columns for who in column))
    order.sort(key=lambda who: columns[0].get(who, 0.0) * (-1 if first.more_is_better else 1))
    for who in order:
        theirs = columns[0].get(who)
        ratio = None if not theirs or not ours else ours / theirs if first.more_is_better else theirs / ours
        yield [*who, *(number(column.get(who)) for column in columns), number(ratio)]


def _bars(figures: Figures, figure: Figure) -> str:
    found = sorted(figures.modes(figure).items(), key=lambda item: -item[1] if figure.more_is_better else item[1])
    if not found:
        return ""
    longest = max(value for _, value in found)
    lines = [
        f"{peer:<14}{number(value):>8} {'█' * max(1, round(_WIDE * value / longest))} {mode}"
        for (peer, mode), value in found
    ]
    title = f"{TABLES[figure.workload][0]}, {figure.title} ({'more' if figure.more_is_better else 'less'} is better)"
    return "\n".join(["```text", title, *lines, "```"])


def _failures(figures: Figures) -> Iterator[str]:
    failed = [line for line in figures.lines if "error" in line]
    if failed:
        yield "## What failed"
        yield _table(
            ("peer", "workload", "error"), ((line["peer"], line["workload"], line["error"]) for line in failed)
        )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(heads), " | ".join("---" for _ in heads), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)
