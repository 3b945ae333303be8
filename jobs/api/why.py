"""Why a job does not go on by itself, in the words of every door."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from aetheris.core.moments import moment
from jobs.models import Job, Node
from jobs.states import NodeState
from ledger.event_types import EventType
from ledger.models import Event
from signals_app.models import Wait
from signals_app.states import DECIDED_BY_PEOPLE, WaitKind

MOST = 50
"""So many of each are told."""
LOOKED_AT = 200
"""In so many of a job's last events is looked for why a node is tried again."""
WAITS_FOR = {
    WaitKind.HUMAN: "A person’s decision",
    WaitKind.APPROVAL: "A person’s decision",
    WaitKind.SIGNAL: "A signal",
    WaitKind.WEBHOOK: "A webhook",
    WaitKind.MESSAGE: "A message",
    WaitKind.TIMER: "Its time",
    WaitKind.CONDITION: "A condition",
    WaitKind.RESOLUTION: "Word about an unknown outcome",
}
END, RUNS, READY, NEXT_TRY = "Its end", "Its worker", "A worker", "Its next try"


@dataclass(frozen=True)
class Reason:
    """One thing that a job waits for; `node` is empty where it is the whole job, `queue` where it needs no worker."""

    node: str
    waits_for: str
    since: datetime | None
    until: datetime | None
    about: str
    wait: Wait | None = None
    queue: str = ""


def reasons(job: Job, nodes: Sequence[Node], waits: Iterable[Wait]) -> list[Reason]:
    """One for each thing that a job with these nodes and open waits waits for; none once it has ended."""
    if job.is_final:
        return []
    running = [node for node in nodes if node.state == NodeState.RUNNING][:MOST]
    ready = [node for node in nodes if node.state == NodeState.READY][:MOST]
    return [*_stopping(job), *map(_wait, islice(waits, MOST)), *map(_running, running), *_ready(job, ready)]


def _stopping(job: Job) -> Iterator[Reason]:
    if job.cancel_requested_at is not None:
        yield Reason("", END, job.cancel_requested_at, None, "It is cancelled, and starts nothing more.")
    elif job.error is not None:
        yield Reason("", END, job.updated_at, None, "It is failing, and starts nothing more.")


def _wait(wait: Wait) -> Reason:
    about = wait.reason
    if wait.kind in DECIDED_BY_PEOPLE:
        about = about or "Approve or refuse"
    elif wait.kind not in (WaitKind.RESOLUTION, WaitKind.TIMER):
        about = f"{about} (correlation key {wait.correlation_key})".strip()
    return Reason(wait.node, WAITS_FOR[WaitKind(wait.kind)], wait.opened_at, wait.expires_at, about, wait)


def _running(node: Node) -> Reason:
    about = "It runs; if its worker is lost, another one goes on."
    return Reason(node.path, RUNS, node.started_at, node.lease_expires_at, about)


def _ready(job: Job, nodes: Sequence[Node]) -> Iterator[Reason]:
    failed = _why_again(job) if any(node.not_before for node in nodes) else {}
    for node in nodes:
        if node.not_before is None:
            taken = (
                f"It is ready, last rung for at {moment(node.rung_at)}; a worker of the queue {node.queue} takes it."
            )
            yield Reason(node.path, READY, None, None, taken, queue=node.queue)
        else:
            because = f": {failed[node.path]}" if failed.get(node.path) else "."
            yield Reason(node.path, NEXT_TRY, None, node.not_before, f"It is tried again then{because}")


def _why_again(job: Job) -> dict[str, str]:
    """Node → why it was given its last try, for those of which the job's last events tell."""
    events = Event.objects.stream(job.pk, max(0, job.seq - LOOKED_AT))[:LOOKED_AT]
    retried = [event for event in events if event.type == EventType.NODE_RETRYING]
    told = Event.objects.told(job.pk, retried)
    return {event.node: str(payload.get("reason", "")) for event, payload in zip(retried, told, strict=True)}
