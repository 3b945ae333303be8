"""The time of the whole runtime, which a test advances."""

from datetime import datetime, timedelta

from aetheris.core import clocks
from aetheris.core.durations import seconds
from aetheris.testing.querysets import set_clock
from jobs.models import Job


class VirtualClock:
    """The clock of every process of this database; while it stands still, so does the uptime of this process and of
    those that it forks."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._stopped_at: datetime | None = None
        self._real_uptime = clocks.source

    def now(self) -> datetime:
        """The time, as the runtime has it."""
        return Job.objects.now()

    def advance(self, duration: float | str) -> None:
        """Let time pass, seconds or like "24h", during which this process lives and is idle. What is due then is done
        by whoever looks next."""
        self._ahead += timedelta(seconds=_seconds(duration))
        self._set()

    def hold_up(self, duration: float | str) -> None:
        """Let time pass in the middle of what this process does, as if it were stopped for so long: said by a tool's
        answer, the call is late, and its lease may be another worker's by now."""
        self.advance(duration)
        uptime = clocks.source
        clocks.source = lambda: uptime() + _seconds(duration)

    def stand_still(self) -> None:
        """From now on only `advance` and `hold_up` let time pass, however long the test takes."""
        uptime = clocks.uptime()
        clocks.source = lambda: uptime
        self._stopped_at = self.now() - self._ahead
        self._set()

    def reset(self) -> None:
        """The real time again."""
        self._ahead, self._stopped_at = timedelta(0), None
        clocks.source = self._real_uptime
        self._set()

    def _set(self) -> None:
        set_clock(self._stopped_at, self._ahead)


def _seconds(duration: float | str) -> float:
    return seconds(duration) if isinstance(duration, str) else duration
