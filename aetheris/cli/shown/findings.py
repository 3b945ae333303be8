"""What `aetheris doctor` has found."""

from typing import Any

from rich.text import Text

MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "wrong": ("✗", "bold red")}


def finding(found: dict[str, Any]) -> Text:
    """One line, and under it how to mend it."""
    mark, style = MARKS[found["state"]]
    line = Text.assemble((f"{mark} {found['name']:<11}", style), found["told"])
    return line.append(f"\n{'':<13}→ {found['remedy']}", style="bold") if found["remedy"] else line
