"""The priority of a job: 1 is first, 5 is last."""

from typing import Any

from aetheris.core.errors import Refused

FIRST, USUAL, LAST = 1, 3, 5


def checked(priority: Any) -> int:
    """The priority. Raises `Refused` (`PRIORITY_INVALID`) for what is none."""
    if type(priority) is not int or not FIRST <= priority <= LAST:
        raise Refused(
            f"A priority is a whole number from {FIRST} (first) to {LAST} (last), not {priority!r}.",
            code="PRIORITY_INVALID",
        )
    return priority
