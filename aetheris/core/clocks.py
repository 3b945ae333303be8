"""This process's own clock, which may only make it stop earlier. What is decided is decided by the database's."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps


def uptime() -> float:
    """Seconds since some moment in the past; never set back."""
    return time.clock_gettime(_CLOCK)
