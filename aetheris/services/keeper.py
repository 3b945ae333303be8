"""Starts a child again when it dies: at once the first time, then with growing pauses and its last lines."""

import time
from collections.abc import Callable

from aetheris.services.child import Child
from aetheris.services.errors import ServiceError

CALM_SECONDS = 20.0
"""A child that lived this long has earned a restart without a pause."""
LONGEST_PAUSE = 30.0


class Keeper:
    """One child's restarts. `quick_deaths` counts the deaths in a row that came soon after a start."""

    def __init__(self, child: Child, say: Callable[[str, str], None]) -> None:
        self.child = child
        self.quick_deaths = 0
        self._say = say
        self._started_at = time.monotonic()
        self._due_at: float | None = None

    def start(self) -> None:
        """Start the child now."""
        self._due_at = None
        self._started_at = time.monotonic()
        self.child.start()

    def is_well(self) -> bool:
        """Whether the child lives and can be reached. One whose socket a cleaner has removed is stopped."""
        if not self.child.alive():
            return False
        path, old = self.child.socket, time.monotonic() - self._started_at > CALM_SECONDS
        if path is not None and old and not path.exists():
            self._say(self.child.name, f"has lost {path}, is stopped")
            self.child.stop()
        return self.child.alive()

    def is_settled(self) -> bool:
        """Whether it does its work, or, where it cannot say so, has at least lived for a while."""
        lived = time.monotonic() - self._started_at
        return self.child.alive() and lived > self.child.settle_seconds and self.child.ready()

    def is_due(self) -> bool:
        """Whether a dead child may start again; the first look at a death reports it and sets the pause."""
        if self._due_at is None:
            self._due_at = time.monotonic() + self._note_death()
        return time.monotonic() >= self._due_at

    def start_again(self) -> bool:
        """Try to; what stands in the way is reported and counts as a death."""
        try:
            self.start()
        except (OSError, ServiceError) as error:
            self._say(self.child.name, f"cannot start: {error}")
            self._due_at = time.monotonic() + LONGEST_PAUSE
            return False
        return True

    def _note_death(self) -> float:
        calm = time.monotonic() - self._started_at > CALM_SECONDS
        self.quick_deaths = 0 if calm else self.quick_deaths + 1
        pause = 0.0 if self.quick_deaths < 2 else min(LONGEST_PAUSE, 0.5 * 2 ** (self.quick_deaths - 1))
        news = f"ended with code {self.child.exit_code()}, starts again" + (f" in {pause:g} s" if pause else "")
        self._say(self.child.name, f"{news}\n{self.child.tail()}" if pause else news)
        return pause
