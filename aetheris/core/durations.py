"""Durations as people write them: `"30s"`, `"15m"`, `"24h"`, `"7d"`, or a number of seconds."""

import re

from aetheris.core.errors import GraphError

LONGEST_SECONDS = 3650 * 86400.0
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def seconds(duration: str | float) -> float:
    """`"90s"`, `"15m"`, `"24h"`, `"7d"` or a number of seconds, as seconds. Raises `GraphError`."""
    if isinstance(duration, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", duration.strip())
        if match is None:
            raise GraphError(
                f"{duration!r} is no duration; write it like 30s, 15m, 24h or 7d.", code="DURATION_INVALID"
            )
        duration = float(match[1]) * UNITS[match[2]]
    if not 0 < duration <= LONGEST_SECONDS:
        raise GraphError("A duration is more than zero seconds, and at most ten years.", code="DURATION_INVALID")
    return float(duration)


def written(seconds: float) -> str:
    """Seconds as a person writes them, exactly: in the largest unit of which they are a multiple."""
    unit = next((unit for unit, length in UNITS.items() if seconds % length == 0), "s")
    return f"{seconds / UNITS[unit]:.15g}{unit}"
