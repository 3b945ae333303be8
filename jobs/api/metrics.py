"""Metrics for Prometheus, read from the database when somebody asks: true for any number of processes of any kind."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.http import HttpResponse
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from rest_framework.request import Request
from rest_framework.views import APIView

from aetheris.api.permissions import SYSTEM_VIEW
from aetheris.conf import configuration
from aetheris.live.connection import answers as redis_answers
from aetheris.models import Counted, Tally
from jobs.api.tallied import COUNTERS, HISTOGRAMS
from jobs.engine.transaction import committing
from jobs.models import Job, Node, Tick
from jobs.states import JOB_ENDINGS, JobState
from ledger.models import Event
from signals_app.models import Approval, UnknownOutcome

SLICE = 5_000
"""How many events are counted in one transaction."""
COUNTING_SECONDS = 1.0
"""After this a scrape counts no further slice; the next one goes on."""
MOST = 100_000
"""How many rows of one kind are looked at; what stands in greater numbers is shown as so many."""
STUCK = timedelta(hours=1)


class Metrics(APIView):
    """`GET` → the metrics of all tenants, as Prometheus reads them."""

    permissions: ClassVar = {"GET": (SYSTEM_VIEW,)}
    schema = None

    def get(self, request: Request) -> HttpResponse:
        tenants = sorted({configuration().tenant, *Counted.objects.tenants()})
        count_events(tenants)
        registry = CollectorRegistry()
        registry.register(FromDatabase(tenants))
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return HttpResponse(encode(registry), content_type=content_type)


def count_events(tenants: Sequence[str]) -> None:
    """Add what has happened since the last time to the tallies, each event once, for about a second at most.

    Of two at once one counts. Counting begins when somebody asks first; what was before is not counted.
    """
    ends = time.monotonic() + COUNTING_SECONDS
    for tenant in tenants:
        more = True
        while more and time.monotonic() < ends:
            horizon = Event.objects.horizon()
            with committing("count_events"):
                counted = Counted.objects.take(tenant, horizon)
                more = counted is not None and Counted.objects.advance(counted, horizon, SLICE)


class FromDatabase(Collector):
    """Gauges by statements that look at a bounded number of rows, counters and histograms from the tallies."""

    def __init__(self, tenants: Sequence[str]) -> None:
        self._tenants = tenants

    def collect(self) -> Iterator[Metric]:
        yield from _of_jobs()
        yield from _of_queues()
        yield from _of_questions(self._tenants)
        yield from _of_parts()
        tallies = list(Tally.objects.all())
        for counter in COUNTERS:
            yield counter.family(tallies, self._tenants)
        for histogram in HISTOGRAMS:
            yield histogram.family(tallies)


def _of_jobs() -> Iterator[Metric]:
    standing = Job.objects.open_by_state(MOST, Job.objects.now() - STUCK)
    states = [state for state in JobState.values if state not in JOB_ENDINGS]
    numbers = {(state,): standing.get(state, (0, 0))[0] for state in states}
    yield _gauge("job_state", "Jobs that have not ended.", numbers, "state")
    stuck = sum(number for _, number in standing.values())
    yield _gauge("stuck_job_count", "Jobs that could run and have not moved for an hour.", {(): stuck})


def _of_queues() -> Iterator[Metric]:
    due, running = Node.objects.due_by_queue(MOST), Node.objects.running_by_queue()
    queues = sorted({"default", *due, *running})
    waiting = {(queue,): due.get(queue, 0) for queue in queues}
    yield _gauge("queue_backlog", "Nodes that are due and not begun.", waiting, "queue")
    yield _gauge("worker_busy", "Nodes that run.", {(queue,): running.get(queue, 0) for queue in queues}, "queue")


def _of_questions(tenants: Sequence[str]) -> Iterator[Metric]:
    now = Job.objects.now()
    asked = {
        ("approval",): Approval.objects.longest_pending(MOST),
        ("resolution",): UnknownOutcome.objects.longest_open(tenants, MOST),
    }
    numbers = {kind: number for kind, (number, _) in asked.items()}
    yield _gauge("open_questions", "Approvals and unknown effects that wait for a person.", numbers, "kind")
    ages = {kind: (now - since).total_seconds() if since else 0.0 for kind, (_, since) in asked.items()}
    yield _gauge("oldest_question_seconds", "How long the first of them has waited.", ages, "kind")


def _of_parts() -> Iterator[Metric]:
    swept_at = Tick.objects.last_at()
    age = (Job.objects.now() - swept_at).total_seconds() if swept_at else float("inf")
    yield _gauge("sweep_age_seconds", "How long ago somebody swept.", {(): age})
    yield _gauge("broker_up", "Whether this web process reaches the broker.", {(): redis_answers()})


def _gauge(name: str, text: str, values: Mapping[Any, float], *labels: str) -> Metric:
    family = GaugeMetricFamily(f"aetheris_{name}", text, labels=labels)
    for given, value in values.items():
        family.add_metric(given, float(value))
    return family
