"""How people are told a moment."""

from datetime import datetime


def moment(at: datetime | None) -> str:
    """A time in UTC to the second; empty for none."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
