"""Ctrl-C ends a command that asks and waits: once is enough, whenever it comes."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AGAIN_SECONDS = 1.0


@contextmanager
def heard() -> Iterator[None]:
    """While it is entered, an interrupt is raised again and again until it is heard; one that is ignored, as in the
    background of a shell, stays so.

    Python loses what is raised in a callback of its own, such as `__del__`; and of a signal that comes just before it
    begins to wait it hears only when that wait is over. The ticks of the timer end such a wait.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    came = False

    def interrupt(*_: object) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    def look(*_: object) -> None:
        if came:
            raise KeyboardInterrupt

    ticks, report = signal.signal(signal.SIGALRM, look), sys.unraisablehook
    sys.unraisablehook = lambda lost: None if _is_interrupt(lost) else report(lost)
    signal.signal(signal.SIGINT, interrupt)
    signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGALRM, ticks)
        sys.unraisablehook = report


def _is_interrupt(lost: Any) -> bool:
    """Of one that is raised again nobody has to be told that it was lost."""
    return issubclass(lost.exc_type, KeyboardInterrupt)
