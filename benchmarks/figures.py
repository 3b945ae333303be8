"""Figures: the medians of what was measured, by peer and by the way that it was used."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """One number of a workload: where it stands in a line, and in which lines."""

    workload: str
    field: str
    """With dots where it stands deeper."""
    title: str
    where: tuple[tuple[str, Any], ...] = ()
    more_is_better: bool = False

    def of(self, line: Line) -> float | None:
        """The number, if this line has it."""
        if line["workload"] != self.workload or any(line.get(name) != value for name, value in self.where):
            return None
        found: Any = line
        for name in self.field.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return None if found is None else float(found)


class Figures:
    """What the lines of one run say."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = [line for line in lines if "workload" in line]

    def modes(self, figure: Figure) -> dict[tuple[str, str], float]:
        """Peer and mode → median."""
        samples: dict[tuple[str, str], list[float]] = {}
        for line in self.lines:
            value = figure.of(line)
            if value is not None:
                samples.setdefault((line["peer"], line.get("mode", "")), []).append(value)
        return {who: statistics.median(values) for who, values in samples.items()}

    def best(self, peer: str, figure: Figure, mode: str = "") -> float | None:
        """The best median of a peer, of the modes that begin so."""
        found = [value for who, value in self.modes(figure).items() if who[0] == peer and who[1].startswith(mode)]
        return (max if figure.more_is_better else min)(found, default=None)

    def ours(self, figure: Figure) -> float | None:
        """Aetheris's, of the job that is compared: a chain of nodes."""
        return self.best("aetheris", figure, "chain" if figure.workload.startswith("w1") else "")
