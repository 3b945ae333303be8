"""What became of a run: the page that people read, and the line that is kept."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

VERDICTS = Path(__file__).parents[1] / "verdicts" / "soak" / "runs.ndjson"


@dataclass
class Verdict:
    """One run. `problems` are what must not be: the run is red with one of them."""

    seed: int
    seconds: float
    commit: str
    date: str
    jobs: int = 0
    endings: dict[str, int] = field(default_factory=dict)
    effects: dict[str, int] = field(default_factory=dict)
    applied: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    lost: int = 0
    stuck: int = 0
    unknown: dict[str, int] = field(default_factory=dict)
    quiescent_after: float | None = None
    recovered: int = 0
    recovery_p50: float | None = None
    recovery_p99: float | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def is_green(self) -> bool:
        return not self.problems

    @property
    def command(self) -> str:
        return f"make chaos MINUTES={self.seconds / 60:g} SEED={self.seed}"

    def page(self) -> str:
        """One page."""
        return "\n".join(self._lines())

    def keep(self) -> None:
        """Append it to the verdicts that are committed. They hold no path of this machine."""
        line = {"verdict": "green" if self.is_green else "red", **asdict(self)}
        VERDICTS.parent.mkdir(parents=True, exist_ok=True)
        with VERDICTS.open("a") as file:
            file.write(json.dumps(line, sort_keys=True) + "\n")

    def _lines(self) -> Iterator[str]:
        yield f"Soak of {self.seconds / 60:g} minutes: {'green' if self.is_green else 'RED'}"
        yield f"  jobs        {self.jobs}: {_counted(self.endings)}"
        yield f"  effects     {sum(self.effects.values())}: {_counted(self.effects)}; {self.applied} at the sink"
        yield f"  kills       {sum(self.kills.values())}: {_counted(self.kills)}"
        yield f"  faults      {_counted(self.faults)}"
        yield f"  restarts    {sum(self.restarts.values())}: {_counted(self.restarts)}"
        yield f"  duplicates  {self.duplicates}"
        yield f"  lost        {self.lost}"
        yield f"  stuck       {self.stuck}" + (
            f" (quiescent {self.quiescent_after:.1f} s after the last fault)" if self.quiescent_after else ""
        )
        yield f"  unknown     {sum(self.unknown.values())}: {_counted(self.unknown)}"
        yield f"  recovery    {_seconds(self.recovery_p50)} p50, {_seconds(self.recovery_p99)} p99 of {self.recovered}"
        yield f"  seed        {self.seed}"
        yield f"  commit      {self.commit}"
        yield f"  again       {self.command}"
        yield from (f"  PROBLEM     {problem}" for problem in self.problems)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items())) or "none"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"


def kept() -> list[Verdict]:
    """The verdicts that are committed, in the order of their runs."""
    lines = VERDICTS.read_text().splitlines() if VERDICTS.exists() else []
    found = [json.loads(line) for line in lines]
    return [Verdict(**{name: value for name, value in line.items() if name != "verdict"}) for line in found]
