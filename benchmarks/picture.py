"""The run as a picture: `python -m benchmarks.picture LINES PNG`, in the environment that has matplotlib."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.catalogue import CPU, FANS, GROWTH, RECOVERED, RESULT, SLOW_STEPS, STEPS, TABLES, WAKE
from benchmarks.figures import Figure, Figures

mpl.use("Agg")
from matplotlib import pyplot as plt

BARS = (STEPS, CPU, SLOW_STEPS, FANS, WAKE, RESULT, RECOVERED)
OURS, THEIRS = "#2f6f5e", "#b9c0c4"


def draw(figures: Figures, file: Path) -> None:
    """A panel for each figure that was measured, and one for growth."""
    shown = [figure for figure in BARS if figures.modes(figure)]
    grid, panels = plt.subplots(
        (len(shown) + 2) // 2, 2, squeeze=False, figsize=(13, 4 * (len(shown) + 2) // 2), layout="constrained"
    )
    for panel in panels.flat:
        panel.set_axis_off()
    for panel, figure in zip(panels.flat, shown, strict=False):
        _bars(panel, figures, figure)
    _growth(panels.flat[len(shown)], figures)
    grid.suptitle("Medians of one run: only their ratios mean anything")
    grid.savefig(file, dpi=110)


def _bars(panel: Any, figures: Figures, figure: Figure) -> None:
    """The best one stands on top."""
    found = sorted(figures.modes(figure).items(), key=lambda item: item[1], reverse=not figure.more_is_better)
    names = [f"{peer}: {mode[:40]}" if mode else peer for (peer, mode), _ in found]
    colours = [OURS if peer == "aetheris" else THEIRS for (peer, _), _ in found]
    panel.set_axis_on()
    bars = panel.barh(names, [value for _, value in found], color=colours)
    panel.bar_label(bars, fmt="%.4g", padding=3, fontsize=7)
    panel.tick_params(axis="y", labelsize=7)
    panel.margins(x=0.15)
    better = "more is better" if figure.more_is_better else "less is better"
    panel.set_title(f"{TABLES[figure.workload][0]}\n{figure.title} ({better})", fontsize=9)
    if max(found[0][1], found[-1][1]) > 30 * min(found[0][1], found[-1][1]):
        panel.set_xscale("log")


def _growth(panel: Any, figures: Figures) -> None:
    """Milliseconds for each step, by the length of the job."""
    lines: dict[tuple[str, str], dict[int, float]] = {}
    for length, figure in GROWTH.items():
        for who, value in figures.modes(figure).items():
            lines.setdefault(who, {})[length] = value
    if not lines:
        return
    panel.set_axis_on()
    for (peer, _), points in lines.items():
        wide = 2.5 if peer == "aetheris" else 1
        colour = OURS if peer == "aetheris" else None
        panel.plot(list(points), list(points.values()), color=colour, marker=".", linewidth=wide, label=peer)
    panel.set(xscale="log", yscale="log", xlabel="steps of the job")
    panel.set_title(f"{TABLES['w4'][0]}\n(less is better, flat is best)", fontsize=9)
    panel.legend(fontsize=7)


if __name__ == "__main__":
    lines = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    draw(Figures(lines), Path(sys.argv[2]))
