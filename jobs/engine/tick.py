"""Tick: each sweep writes that it is here; a long silence because the database was away gives leases another one."""

from datetime import datetime, timedelta

from aetheris.conf import configuration
from aetheris.core.clocks import uptime
from jobs.engine.transaction import committing
from jobs.models import Job, Tick


class Contact:
    """Since when this process has reached the database without a gap of half a lease, on the database's clock."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._last = 0.0

    def held(self, now: datetime) -> None:
        """The database has just answered, at `now`."""
        at, broken = uptime(), self._since is None or now < self._since
        if broken or at - self._last > half_a_lease().total_seconds():
            self._since = now
        self._last = at

    def lost(self) -> None:
        """The database did not answer."""
        self._since = None

    def has_lasted_since(self, moment: datetime) -> bool:
        """Whether the database answered this process all the time from `moment` to now."""
        recent = uptime() - self._last <= half_a_lease().total_seconds()
        return recent and self._since is not None and self._since <= moment


contact = Contact()
"""This process's. Receivers keep it, once a second."""


def half_a_lease() -> timedelta:
    return timedelta(seconds=configuration().lease_seconds / 2)


def tick(rest: timedelta) -> Tick | None:
    """Note that a sweep begins; None when one began less than `rest` ago or is beginning now.

    A sweep that finds that nobody could sweep for over half a lease makes the next lease a quiet one, unless it knows
    that the database was there all the time: the living workers extend their leases before anybody takes them.
    """
    with committing("tick"):
        row = Tick.objects.take()
        now = Job.objects.now()
        if row is None or (row.last_at is not None and timedelta(0) <= now - row.last_at < rest):
            return None
        if row.last_at is not None and now - row.last_at > half_a_lease() and _may_have_been_away(row.last_at):
            row.quiet_until = now + 2 * half_a_lease()
        row.last_at = now
        Tick.objects.write(row)
    contact.held(now)
    return row


def _may_have_been_away(since: datetime) -> bool:
    """Whether the database may have been out of the workers' reach at some time after `since`."""
    return Tick.objects.server_started_at() > since or not contact.has_lasted_since(since)
