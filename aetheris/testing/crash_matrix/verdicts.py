"""Verdicts as data: one line of JSON for each judged cell, a file for each scenario; the last line of a cell counts."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

GREEN, RED = "green", "red"
DOORS = (
    "*/admin/*",
    "*/api/*",
    "*/static/*",
    "*/templates/*",
    "aetheris/cli",
    "aetheris/services",
    "aetheris/*urls.py",
    "aetheris/admin_base.py",
)
ENGINE = ("jobs", "ledger", "signals_app", "aetheris", ":!aetheris/testing", *(f":!{door}" for door in DOORS))
"""What a verdict is about. The rig itself is not, nor are the doors: a cell calls the engine behind them."""


@dataclass(frozen=True)
class Verdict:
    """How a cell ended, when, and on which commit of the engine; `why` a red one is red."""

    cell: str
    verdict: str
    commit: str
    date: str
    why: str = ""

    @property
    def is_red(self) -> bool:
        return self.verdict == RED

    def line(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value}, separators=(",", ":"))


class Verdicts:
    """The verdicts of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> dict[str, Verdict]:
        """Cell → its last verdict, scenario by scenario."""
        found: dict[str, Verdict] = {}
        for file in sorted(self.folder.glob("*.ndjson")):
            for line in file.read_text().splitlines():
                verdict = Verdict(**json.loads(line))
                found.pop(verdict.cell, None)
                found[verdict.cell] = verdict
        return found

    def add(self, scenario: str, verdicts: Iterable[Verdict]) -> None:
        """Note them. Several processes may: a line is one write at the file's end."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{scenario}.ndjson").open("ab", buffering=0) as file:
            for verdict in verdicts:
                file.write(verdict.line().encode() + b"\n")


def engine_commit(root: Path) -> str:
    """The last commit that changed the engine; with `+` while something of it is changed and not committed."""
    said = _git(root, "log", "-1", "--format=%h", "--abbrev=10", "--", *ENGINE)
    return said + ("+" if _git(root, "status", "--porcelain", "--", *ENGINE) else "")


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
