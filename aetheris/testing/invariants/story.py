"""All that is stored about a job, read at once for many jobs, with what the witnesses saw of it."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any
from uuid import UUID

from aetheris.testing.invariants.witnesses import Call, Sent
from jobs.engine.fold import JobView
from jobs.engine.replay import differences, replay
from jobs.models import Edge, Job, Node
from ledger.models import Entry, Event
from signals_app.models import Approval, Signal, Wait

PAGE = 200


@dataclass(frozen=True)
class Evidence:
    """What the tables are held against. `tools` are those whose effects the sink sees; `healed`: no fault is left
    and there was time for everything to come to rest."""

    sent: Sequence[Sent] = ()
    calls: Sequence[Call] = ()
    tools: Collection[str] = ()
    healed: bool = False
    patience: float = 5.0
    connections: int | None = None


@dataclass
class Story:
    """One job: its rows, its events with whole payloads, and the requests that the sink got under its keys."""

    job: Job
    evidence: Evidence
    now: datetime
    events: list[Event] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    @cached_property
    def payloads(self) -> list[dict[str, Any]]:
        return Event.objects.told(self.job.pk, self.events)

    @cached_property
    def view(self) -> JobView:
        """The job as its events tell it."""
        return replay(self.events, self.payloads)

    def differences(self, *, of_effects: bool) -> Iterator[str]:
        """Where rows are not what the events tell: of the ledger, or of the job and its nodes."""
        for found in self._differences:
            if (found["field"] == "effects" or job_in(found["field"]) != "") == of_effects:
                yield f"{found['field']} is {found['stored']!r}, and events tell {found['replayed']!r}"

    @cached_property
    def _differences(self) -> list[dict[str, Any]]:
        stored = {entry.idempotency_key: (entry.state, entry.result) for entry in self.entries}
        return differences(self.view, self.job, self.nodes, stored)

    def told(self, *types: str) -> Iterator[tuple[Event, dict[str, Any]]]:
        """Events of these types with their payloads, in order."""
        return ((event, each) for event, each in zip(self.events, self.payloads, strict=True) if event.type in types)

    def sent_under(self, key: str) -> list[Sent]:
        """The requests under a key that were to have an effect."""
        return self._sent[key]

    @cached_property
    def _sent(self) -> dict[str, list[Sent]]:
        by_key = defaultdict(list)
        for each in self.sent:
            by_key[each.key].append(each)
        return by_key


def stories(evidence: Evidence, jobs: Collection[UUID] | None = None) -> Iterator[Story]:
    """Every job, or these, in the order of their making; some queries for each page of them."""
    sent, calls = _by_job(evidence)
    now = Job.objects.now()
    found = Job.objects.select_related("agent").order_by("pk")
    rows = (found if jobs is None else found.filter(pk__in=jobs)).iterator(PAGE)
    while page := {job.pk: Story(job, evidence, now) for job in islice(rows, PAGE)}:
        within = {"job_id__in": list(page)}
        for event in Event.objects.filter(**within).order_by("job_id", "seq"):
            page[event.job_id].events.append(event)
        for node in Node.objects.filter(**within).order_by("job_id", "position"):
            page[node.job_id].nodes.append(node)
        for edge in Edge.objects.filter(**within):
            page[edge.job_id].edges.append(edge)
        for entry in Entry.objects.filter(**within).order_by("opened_at", "step_id"):
            page[entry.job_id].entries.append(entry)
        for wait in Wait.objects.filter(**within):
            page[wait.job_id].waits.append(wait)
        for signal in Signal.objects.filter(**within):
            page[signal.job_id].signals.append(signal)
        for approval in Approval.objects.filter(**within):
            page[approval.job_id].approvals.append(approval)
        for job_id, story in page.items():
            story.sent, story.calls = sent[str(job_id)], calls[str(job_id)]
            yield story


def job_in(key: str) -> str:
    """The job that an idempotency key of the runtime names; empty for another key."""
    parts = key.split(":", 2)
    return parts[1] if parts[0] == "aetheris" and len(parts) == 3 else ""


def _by_job(evidence: Evidence) -> tuple[dict[str, list[Sent]], dict[str, list[Call]]]:
    sent, calls = defaultdict(list), defaultdict(list)
    for request in evidence.sent:
        if not request.only_asks:
            sent[job_in(request.key)].append(request)
    for call in evidence.calls:
        calls[call.job].append(call)
    return sent, calls
