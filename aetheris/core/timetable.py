"""When a schedule fires: a cron expression in a time zone, or an interval. Pure: given the time, never asking it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError


class NoTimetable(ValueError):
    """This expression names no times; the text says why."""


@dataclass(frozen=True)
class Timetable:
    """A cron expression, or an interval in seconds. Moments are in UTC.

    A cron expression reads the clock on the wall of `timezone` as Debian's cron does: a time that the change to
    summer time skips fires when the clock has jumped, one that comes twice in autumn fires the first time.
    """

    cron: str
    interval_seconds: int | None
    timezone: str = "UTC"

    def check(self) -> None:
        """Raise `NoTimetable` when there is no time to come."""
        self.after(datetime(2026, 1, 1, tzinfo=UTC))

    def after(self, moment: datetime, anchor: datetime | None = None) -> datetime:
        """The first time after `moment`. An interval counts from `anchor`, one of its times, else from `moment`."""
        if self.interval_seconds:
            start = anchor or moment
            passed = max(0, (moment - start) // self._interval)
            return start + (passed + 1) * self._interval
        found = next(self._times(moment, reverse=False), None)
        if found is None:
            raise NoTimetable(f"{self.cron!r} names no time in the next 50 years.")
        return found

    def missed(self, first: datetime, now: datetime, most: int) -> list[datetime]:
        """The times from `first`, which is one, to `now`: the last `most` of them, in order."""
        if self.interval_seconds:
            number = (now - first) // self._interval
            return [first + each * self._interval for each in range(max(0, number - most + 1), number + 1)]
        earlier = self._times(now + timedelta(seconds=1), reverse=True)
        last = [moment for moment in islice(earlier, most) if first <= moment <= now]
        return last[::-1] or [first]

    @property
    def _interval(self) -> timedelta:
        return timedelta(seconds=self.interval_seconds or 0)

    def _times(self, start: datetime, *, reverse: bool) -> Iterator[datetime]:
        try:
            times = CronSim(self.cron, start.astimezone(ZoneInfo(self.timezone)), reverse=reverse)
        except CronSimError as error:
            raise NoTimetable(f"{self.cron!r} is no cron expression: {error}.") from error
        return (moment.astimezone(UTC) for moment in times)
