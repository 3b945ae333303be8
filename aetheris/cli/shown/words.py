"""Small parts that all tables share: states in their colours, times, and values that fit on a line."""

import json
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.json import JSON
from rich.table import Table
from rich.text import Text

COLOURS = {
    "completed": "green",
    "ok": "green",
    "success": "green",
    "approved": "green",
    "resolved": "green",
    "running": "cyan",
    "active": "cyan",
    "pending": "cyan",
    "retrying": "yellow",
    "retryable": "yellow",
    "unanswered": "yellow",
    "parked": "yellow",
    "waiting": "yellow",
    "open": "yellow",
    "unknown": "bold magenta",
    "refused": "magenta",
    "rejected": "magenta",
    "late": "red",
    "away": "red",
    "degraded": "red",
    "failed": "red",
    "failure": "red",
    "cancelled": "dim",
    "skipped": "dim",
    "idle": "dim",
}
LONGEST = 300


LENGTH_OF_ID = 36


def table(*columns: str, wrap: tuple[str, ...] = ()) -> Table:
    """A row a line, cut where the terminal ends, but for columns that may wrap. An id is never cut."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        folds = column in wrap
        whole = LENGTH_OF_ID if column == "id" else None
        made.add_column(column, no_wrap=not folds, overflow="fold" if folds else "ellipsis", min_width=whole)
    return made


def facts(**known: Any) -> Table:
    """Names and values, one under the other; what is empty is left out, what has parts takes several lines."""
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in known.items():
        if value not in (None, "", [], {}):
            made.add_row(name.replace("_", " "), _cell(value))
    return made


def _cell(value: Any) -> RenderableType:
    if isinstance(value, dict | list):
        return JSON.from_data(value, ensure_ascii=False)
    return value if isinstance(value, Text) else str(value)


def state(name: str, also: str = "") -> Text:
    """A state in its colour."""
    shown = Text(name, style=COLOURS.get(name, ""))
    return shown.append(f" ({also})") if also and also != name else shown


def text(value: Any) -> str:
    """A value on one line: texts as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def short(value: Any, longest: int = LONGEST) -> str:
    """The same, cut where it gets long."""
    whole = " ".join(text(value).split())
    return whole if len(whole) <= longest else f"{whole[: longest - 1]}…"


def outcome(error: dict[str, Any] | None, value: Any, longest: int = LONGEST) -> str:
    """What something came to, on a line: its error by code and message, else its value; empty without either."""
    if error is not None:
        return short(f"{error['code']}: {error['message']}", longest)
    return "" if value is None else short(value, longest)


def when(moment: str | None) -> str:
    """A time as the clock on this wall shows it, with the day unless it is today."""
    if not moment:
        return ""
    local = datetime.fromisoformat(moment).astimezone()
    today = local.date() == datetime.now(UTC).astimezone().date()
    return local.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")


def lasted(start: str | None, end: str | None) -> str:
    """How long something took; empty while it lasts."""
    if not (start and end):
        return ""
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def verdict(answer: dict[str, Any]) -> Text:
    """What became of something that was sent to a job."""
    return Text(answer["message"])
