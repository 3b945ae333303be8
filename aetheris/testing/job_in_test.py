"""One job as a test sees it: what it has come to, and what people say to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from aetheris.core.canonical import loads
from aetheris.core.principal import principal
from jobs.engine.cancel import cancel
from jobs.engine.message import Letter, message
from jobs.engine.possible import Resolution
from jobs.engine.resolve import resolve
from jobs.engine.sender import Sender
from jobs.engine.signal import signal
from jobs.models import Body, Job, Node
from ledger.models import Entry, Event
from signals_app.models import Wait
from signals_app.states import DECIDED_BY_PEOPLE, WaitKind


def person(name: str) -> str:
    """How a person of this name is recorded."""
    return principal("user", name, name)


@dataclass(frozen=True)
class Told:
    """One event."""

    type: str
    node: str
    payload: dict[str, Any]
    actor: str


class JobInTest:
    """A job, read anew each time that it is asked. Whatever people say, the job then runs as far as it goes.

    `by` is who says it: any name. Whoever submitted the job, by default "requester", may not decide for it. What a
    person may not say raises `Refused`.
    """

    def __init__(self, job_id: UUID, run: Callable[[], None]) -> None:
        self.id = job_id
        self._run = run

    @property
    def row(self) -> Job:
        return Job.objects.select_related("agent").get(pk=self.id)

    @property
    def state(self) -> str:
        """`pending`, `running`, `retrying`, `waiting`, `parked`, `completed`, `failed` or `cancelled`."""
        return str(self.row.state)

    @property
    def outcome(self) -> str:
        """What a job that has ended amounts to, such as `completed` or `refused`; "" before."""
        return self.row.outcome

    @property
    def result(self) -> Any:
        """What its last node answered; None while there is none."""
        stored = self.row.result
        return None if stored is None else loads(Body.objects.text(self.id, stored))

    @property
    def error(self) -> Any:
        """Why it failed: `code`, `message` and `node_id`; or None."""
        return self.row.error_value

    @property
    def nodes(self) -> dict[str, str]:
        """Node → state, in plan order, without the planning itself."""
        return {node.path: node.state for node in Node.objects.of_job(self.id) if node.path != "plan"}

    @property
    def effects(self) -> list[Entry]:
        """The ledger: each attempt at an effect, with `tool`, `state`, `sends` and `idempotency_key`."""
        return list(Entry.objects.filter(job_id=self.id).order_by("opened_at", "step_id", "attempt"))

    @property
    def waits(self) -> list[Wait]:
        """What it waits for now, with `kind`, `node`, `correlation_key`, `reason` and `expires_at`."""
        return list(Wait.objects.open(self.id))

    @property
    def events(self) -> list[Told]:
        """Its whole history."""
        stored = list(Event.objects.stream(self.id))
        told = Event.objects.told(self.id, stored)
        return [Told(event.type, event.node, payload, event.actor) for event, payload in zip(stored, told, strict=True)]

    def approve(self, correlation_key: str = "", *, by: str = "approver", reason: str = "") -> str:
        """Say yes to the one question that is open, or to the one of this key."""
        return self._decide(correlation_key, by, reason, approved=True)

    def refuse(self, correlation_key: str = "", *, by: str = "approver", reason: str = "") -> str:
        """Say no to the one question that is open, or to the one of this key."""
        return self._decide(correlation_key, by, reason, approved=False)

    def signal(self, correlation_key: str, payload: dict[str, Any], *, by: str = "requester") -> str:
        """Answer a wait, now or before it opens."""
        return self._say(signal(self.id, correlation_key, payload, _sender(by)))

    def message(self, payload: dict[str, Any], *, channel: str = "", by: str = "requester") -> str:
        """Put a message into its mailbox."""
        return self._say(message(self.id, Letter(str(uuid4()), payload, channel), _sender(by)))

    def resolve(self, resolution: str, *, result: Any = None, by: str = "approver", reason: str = "") -> str:
        """Say what became of the one effect that is in doubt: `happened` with its `result`, `did_not_happen`,
        `send_again` (by two persons, one after the other) or `ask`; of a changed world `go_on` or `stop`."""
        wait = self._one_open("", WaitKind.RESOLUTION)
        answer = {"resolution": resolution, "reason": reason}
        if resolution == Resolution.HAPPENED:
            answer["result"] = result
        return self._say(resolve(self.id, wait.correlation_key, answer, _sender(by)))

    def cancel(self, *, by: str = "requester", reason: str = "") -> None:
        """Ask it to stop."""
        cancel(self.id, actor=person(by), reason=reason)
        self._run()

    def _decide(self, correlation_key: str, by: str, reason: str, *, approved: bool) -> str:
        wait = self._one_open(correlation_key, *DECIDED_BY_PEOPLE)
        answer: dict[str, Any] = {"approved": approved, **({"reason": reason} if reason else {})}
        return self._say(signal(self.id, wait.correlation_key, answer, _sender(by)))

    def _one_open(self, correlation_key: str, *kinds: WaitKind) -> Wait:
        waits = self.waits
        fitting = [w for w in waits if w.kind in kinds and correlation_key in ("", w.correlation_key)]
        if len(fitting) != 1:
            listed = ", ".join(f"{wait.correlation_key} ({wait.kind})" for wait in waits) or "nothing"
            raise AssertionError(f"No one question fits: the job is {self.state} and waits for {listed}.")
        return fitting[0]

    def _say(self, verdict: str) -> str:
        self._run()
        return verdict


def _sender(name: str) -> Sender:
    return Sender(person(name), may_signal=True, may_decide=True)
