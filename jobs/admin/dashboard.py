"""The first page of the admin: what runs, waits, fails and piles up. Each number leads to the list behind it.

Nothing is counted further than `MOST` but READY nodes, which have an index of their own: the page costs the same
however many rows there are.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.http import urlencode

from aetheris.api.permissions import JOB_VIEW, SYSTEM_VIEW, may
from aetheris.api.principals import tenant_of
from jobs.admin.filters import STUCK_AFTER
from jobs.admin.why import unless_unserved
from jobs.models import Job, Node, Tick
from jobs.states import JOB_ENDINGS, JobState
from signals_app.models import Approval, UnknownOutcome, Wait
from signals_app.states import ApprovalState, WaitState

MOST = 10_000
MOST_FAILURES = 1_000
LONGEST = 10
DAY = timedelta(days=1)
FAILED = {"status": "failed", "made": "day"}
Failures = Counter[tuple[UUID, str]]


@dataclass(frozen=True)
class Card:
    """A number and the list that it counts. `wants_somebody`: it is not to stay above nought; `is_cut`: there may be
    more, for not all rows were looked at."""

    label: str
    counted: int
    url: str
    wants_somebody: bool = False
    is_cut: bool = False

    @property
    def shown(self) -> str:
        return f"{min(self.counted, MOST)}+" if self.is_cut or self.counted > MOST else str(self.counted)

    @property
    def is_urgent(self) -> bool:
        return self.wants_somebody and self.counted > 0


def board(request: Any) -> dict[str, Any]:
    """What the user may see of it."""
    tenant, now = tenant_of(request.user), Job.objects.now()
    shown: dict[str, Any] = {"cards": _asked(request, tenant)}
    if may(request, JOB_VIEW):
        failed = Job.objects.of_tenant(tenant).failed_since(now - DAY, MOST_FAILURES)
        shown["cards"] += _jobs(tenant, now, failed)
        shown |= {"failing": _failing(failed), "parked": Wait.objects.parked_longest(tenant, LONGEST)}
    return shown | (_system(tenant, now) if may(request, SYSTEM_VIEW) else {})


def _asked(request: Any, tenant: str) -> list[Card]:
    """What waits for a person."""
    cards = []
    if request.user.has_perm("signals_app.view_approval"):
        pending = Approval.objects.of_tenant(tenant).newest_first(status=ApprovalState.PENDING)
        cards.append(Card("to approve", _counted(pending), reverse("admin:signals_app_approval_changelist"), True))
    if request.user.has_perm("signals_app.view_unknownoutcome"):
        open_still = UnknownOutcome.objects.of_tenant(tenant).filter(state=WaitState.OPEN)
        url = reverse("admin:signals_app_unknownoutcome_changelist")
        cards.append(Card("unknown outcomes", _counted(open_still), url, True))
    return cards


def _jobs(tenant: str, now: datetime, failed: Failures) -> list[Card]:
    jobs = Job.objects.of_tenant(tenant)
    standing = jobs.unended_by_state(MOST + 1)
    is_cut = standing.total() > MOST
    unended = [state for state in JobState.values if state not in JOB_ENDINGS]
    return [
        *(Card(state, standing[state], jobs_url(status=state), is_cut=is_cut) for state in unended),
        Card("failed in 24 hours", failed.total(), jobs_url(**FAILED), is_cut=_is_cut(failed)),
        Card("stuck", _counted(jobs.stuck(now - STUCK_AFTER)), jobs_url(trouble="stuck"), True),
        Card("with fact conflicts", _counted(jobs.with_conflicts()), jobs_url(trouble="conflicts"), True),
    ]


def _failing(failed: Failures) -> list[Card]:
    return [
        Card(name, number, jobs_url(**FAILED, agent__id__exact=str(agent_id)), is_cut=_is_cut(failed))
        for (agent_id, name), number in failed.most_common(LONGEST)
    ]


def _is_cut(failed: Failures) -> bool:
    return failed.total() == MOST_FAILURES


def _system(tenant: str, now: datetime) -> dict[str, Any]:
    swept_at = Tick.objects.last_at()
    backlog = Node.objects.backlog(tenant)
    return {
        "queues": [
            (Card(queue, number, jobs_url(queue=queue)), unless_unserved(queue, ""))
            for queue, number in sorted(backlog.items())
        ],
        "shows_system": True,
        "swept_seconds": None if swept_at is None else round((now - swept_at).total_seconds()),
    }


def jobs_url(**filters: str) -> str:
    """The list of jobs, narrowed."""
    return f"{reverse('admin:jobs_job_changelist')}?{urlencode(filters)}"


def _counted(rows: Any) -> int:
    return int(rows.order_by().values("pk")[: MOST + 1].count())
