"""When something comes due next by time alone."""

from datetime import datetime

from django.db.models import Min, QuerySet

from jobs.models import Job, Node, Schedule
from jobs.states import NodeState
from signals_app.models import Wait
from signals_app.states import WaitState


def next_moment(after: datetime) -> datetime | None:
    """The first moment behind `after` at which a retry, a lease, a wait, a deadline or a schedule comes due."""
    times: list[tuple[QuerySet[Node] | QuerySet[Wait] | QuerySet[Job] | QuerySet[Schedule], str]] = [
        (Node.objects.filter(state=NodeState.READY), "not_before"),
        (Node.objects.filter(state=NodeState.RUNNING), "lease_expires_at"),
        (Wait.objects.filter(state=WaitState.OPEN), "expires_at"),
        (Job.objects.filter(ending=""), "deadline_at"),
        (Schedule.objects.filter(enabled=True), "next_at"),
    ]
    found = [rows.filter(**{f"{column}__gt": after}).aggregate(first=Min(column))["first"] for rows, column in times]
    return min((moment for moment in found if moment is not None), default=None)
