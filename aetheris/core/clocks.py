"""This process's own clock, which may only make it stop earlier. What is decided is decided by the database's."""

import time
from collections.abc import Callable
from functools import partial

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps

source: Callable[[], float] = partial(time.clock_gettime, _CLOCK)
"""What `uptime` reads. The test kit puts a clock in its place that a test advances."""


def uptime() -> float:
    """Seconds since some moment in the past; never set back."""
    return source()
