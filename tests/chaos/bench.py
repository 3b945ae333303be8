"""A bench: everything that can be done to jobs of the shop, one thing at a time, each followed by a look at the
invariants; and a small reference model of what callers must be answered."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from aetheris.core.canonical import dumps
from aetheris.core.context import StopRequest
from aetheris.core.errors import Refused
from aetheris.core.ids import new_id
from aetheris.core.outcomes import Outcome
from aetheris.testing.invariants import Call, told, violations
from jobs.engine import transactional
from jobs.engine.cancel import cancel
from jobs.engine.claim import claim
from jobs.engine.commit import commit
from jobs.engine.give_back import give_back
from jobs.engine.kinds import ask
from jobs.engine.kinds.base import Claimed
from jobs.engine.kinds.table import KINDS
from jobs.engine.reclaim import reclaim_if_expired
from jobs.engine.rescue import rescue
from jobs.engine.sender import Sender
from jobs.engine.signal import signal
from jobs.engine.submit import submit
from jobs.engine.sweep import sweep
from jobs.engine.transaction import job_transaction
from jobs.models import Job, Node
from jobs.states import NodeState
from ledger.models import Entry
from signals_app.models import Wait
from signals_app.states import WaitKind, WaitState
from tests.chaos.shop import EFFECTS, Provider, booked
from tests.conftest import Clock
from tests.world import REQUESTER

PEOPLE = {
    "ann": Sender("user:2/ann", may_signal=True, may_decide=True),
    "bob": Sender("user:3/bob", may_signal=True, may_decide=True),
    "requester": Sender(REQUESTER, may_signal=True, may_decide=True),
    "guest": Sender("user:4/guest", may_signal=False, may_decide=False),
}
LEASE = 15.0
RESOLUTIONS = ("happened", "did_not_happen", "send_again", "ask")


@dataclass(frozen=True)
class Hand:
    """What a worker has in hand: a claim, and once it has made its call, what that ended in."""

    claimed: Claimed
    outcome: Outcome | None = None

    def __str__(self) -> str:
        return f"{self.claimed.path}#{self.claimed.claims}"


class Bench:
    """The shop at work. `hands` are workers in the middle of something; some of them may have lost their lease."""

    def __init__(self, provider: Provider, clock: Clock) -> None:
        self.provider = provider
        self.clock = clock
        self.hands: list[Hand] = []
        self.calls: list[Call] = []
        self.acts: list[str] = []
        self._made: dict[str, tuple[str, str]] = {}
        self._answers: dict[tuple[str, str], str] = {}
        self._seen: dict[UUID, tuple[int, datetime]] = {}
        clock.stand_still()

    @property
    def jobs(self) -> list[Job]:
        return list(Job.objects.order_by("pk"))

    def submit(self, goal: str, key: str = "") -> Job | None:
        """A message to the shop; a key that was used gives its job again, or is refused for another message."""
        known = self._made.get(key)
        try:
            made = submit("shop", goal, tenant="default", requested_by=REQUESTER, idempotency_key=key)
        except Refused as refused:
            if refused.code != "IDEMPOTENCY_KEY_REUSED" or known is None or known[1] == goal:
                raise
            self._note(f"submit {goal} {key}: refused", Call("submit", "refused", "", key, goal, "shop"))
            return None
        job = str(made.job_id)
        assert known in (None, (job, goal)), f"{key} stands for {known}"
        assert made.repeated == (known is not None)
        if key:
            self._made[key] = job, goal
        self._note(f"submit {goal} {key}", Call("submit", "ok", job, key, goal, "shop"))
        return Job.objects.get(pk=made.job_id)

    def planned(self, goal: str) -> Job:
        """A job whose plan is stored, and nothing more has been done."""
        job = self.submitted(goal)
        self.commit(self.call(self.taken(job)))
        return job

    def submitted(self, goal: str) -> Job:
        """A new job."""
        job = self.submit(goal)
        assert job is not None
        return job

    def taken(self, job: Job) -> Hand:
        """A worker takes what a job has ready."""
        hand = self.claim(next(node for node in self.ready() if node.job_id == job.pk))
        assert hand is not None
        return hand

    def ready(self) -> list[Node]:
        return list(Node.objects.filter(state=NodeState.READY).order_by("job_id", "position"))

    def claim(self, node: Node) -> Hand | None:
        """A worker tries to take a node."""
        with job_transaction(node.job_id) as tx:
            claimed = claim(tx, node.path, new_id())
        if claimed is None:
            self._note(f"claim {node.path}: none")
            return None
        hand = Hand(claimed)
        if not claimed.is_transactional and claimed.recorded is not None:
            hand = replace(hand, outcome=claimed.recorded)
        self.hands.append(hand)
        self._note(f"claim {hand}")
        return hand

    def call(self, hand: Hand, behaviour: str = "answers") -> Hand:
        """The worker makes its call, and has in hand what became of it."""
        if hand.outcome is not None or hand.claimed.is_transactional:
            return hand
        self.provider.behaviour = behaviour
        handler: Any = ask if hand.claimed.question else KINDS[hand.claimed.type]
        called = replace(hand, outcome=handler.call(hand.claimed, StopRequest()))
        self.hands[self.hands.index(hand)] = called
        self._note(f"call {hand} {behaviour}")
        return called

    def commit(self, hand: Hand, behaviour: str = "answers") -> bool:
        """The worker brings its outcome back; whether it still held its node."""
        self.provider.behaviour = behaviour
        self.hands.remove(hand)
        held = False
        with (
            transactional.performed(hand.claimed) if hand.outcome is None else nullcontext(hand.outcome) as known,
            job_transaction(hand.claimed.job.pk) as tx,
        ):
            held = commit(tx, hand.claimed, known)
            if not held and hand.outcome is None:
                transactional.undo()
        self._note(f"commit {hand} {type(hand.outcome).__name__} {behaviour} {'' if held else 'stale'}")
        return held

    def kill(self, hand: Hand) -> None:
        """The worker is gone; what it has sent is on its way, or there."""
        self.hands.remove(hand)
        self._note(f"kill {hand}")

    def rescue(self, hand: Hand) -> None:
        """The worker is gone, and its process was seen to end."""
        self.hands.remove(hand)
        rescue(hand.claimed.activation)
        self._note(f"rescue {hand}")

    def give_back(self, hand: Hand) -> None:
        """The worker is told to stop before it has made its call."""
        if hand.outcome is None and give_back(hand.claimed):
            self.hands.remove(hand)
        self._note(f"give back {hand}")

    def renew(self, hand: Hand) -> None:
        Node.objects.extend_leases([hand.claimed.token], LEASE)
        self._note(f"renew {hand}")

    def reclaim(self) -> None:
        for node in Node.objects.filter(state=NodeState.RUNNING):
            reclaim_if_expired(node.job_id, node.path)
        self._note("reclaim")

    def sweep(self) -> None:
        sweep()
        self._note("sweep")

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self._note(f"{seconds:g} seconds pass")

    def arrive(self) -> None:
        """What is on its way arrives, unless it is too late for that."""
        for flight in list(self.provider.flights):
            self.provider.arrive(flight)
        self._note("what is on its way arrives")

    def signal(self, job: Job, key: str, payload: dict[str, Any], who: str) -> str:
        """Somebody answers a wait. The first answer that is taken stands; the model knows which that was."""
        sent = dumps(payload)
        place = str(job.pk), key
        standing = self._answers.get(place)
        try:
            verdict = signal(job.pk, key, payload, PEOPLE[who])
        except Refused as refused:
            self._note(f"signal {key} {sent} by {who}: {refused.code}", Call("signal", "refused", place[0], key, sent))
            if refused.code == "SIGNAL_CONFLICT" and standing in (None, sent):
                raise
            return refused.code
        assert who in ("ann", "bob") or (who == "requester" and key in ("first", "second"))
        if verdict != "proposed":
            assert standing in (None, sent), f"{standing} stands for {key}, and {sent} was taken"
            self._answers[place] = sent
        self._note(f"signal {key} {sent} by {who}: {verdict}", Call("signal", "ok", *place, sent, told=verdict))
        return verdict

    def questions(self, job: Job) -> list[Wait]:
        return list(Wait.objects.filter(job=job, kind=WaitKind.RESOLUTION, state=WaitState.OPEN))

    def resolve(self, wait: Wait, resolution: str, who: str) -> str:
        """Somebody says what became of an effect, and says the truth as it stands now; "" when that is not it."""
        entry = Entry.objects.unknown_of(wait.job_id, wait.node)
        if (resolution == "happened") != self.provider.has_applied(entry.idempotency_key) and resolution != "ask":
            return ""
        answer = {"resolution": resolution} | ({"result": "paid"} if resolution == "happened" else {})
        # An answer names only what was said: the model's "same answer" is the same resolution.
        return self.signal(Job.objects.get(pk=wait.job_id), wait.correlation_key, answer, who)

    def cancel(self, job: Job) -> None:
        try:
            cancel(job.pk, actor=REQUESTER)
            assert Job.objects.get(pk=job.pk).starts_nothing_more
        except Refused as refused:
            self._note(f"cancel {job.pk}: {refused.code}")
            if not Job.objects.get(pk=job.pk).is_final:
                raise
        self._note(f"cancel {job.pk}")

    def work(self, behaviour: str = "answers", most: int = 60) -> None:
        """Workers do whatever is there to do now."""
        for _ in range(most):
            hand = next((hand for node in self.ready() if self._is_due(node) and (hand := self.claim(node))), None)
            if hand is None:
                return
            self.commit(self.call(hand, behaviour), behaviour)
        raise AssertionError("the work has no end")

    def look(self) -> None:
        """Nothing may be wrong, after any act, with any job that it has changed."""
        changed = [job for job in self.jobs if self._seen.get(job.pk) != (job.seq, job.updated_at)]
        self._seen = {job.pk: (job.seq, job.updated_at) for job in self.jobs}
        self._check(jobs=[job.pk for job in changed], afresh=False)
        for job in changed:
            done = Entry.objects.filter(job=job, tool=EFFECTS["transactional"], state="committed").count()
            assert booked(job.pk) == done, f"{booked(job.pk)} rows and {done} records"

    def _check(self, **options: Any) -> None:
        tools = [name for effect, name in EFFECTS.items() if effect != "transactional"]
        found = violations(self.provider.sent, self.calls, tools=tools, **options)
        assert found == [], told(found) + "\n" + "\n".join(self.acts)

    def look_afresh(self) -> None:
        """Nor for a process that knows nothing but the events."""
        self._check(healed=True, afresh=True)

    def heal(self) -> None:
        """No fault is left: after some time everything has come to rest."""
        for hand in list(self.hands):
            self.commit(self.call(hand))
        self.provider.says = "so"
        self.arrive()
        left = 12
        while not all(job.is_final for job in self.jobs) and (left := left - 1):
            self.pass_time(70)
            self.sweep()
            self.work()
            for job in self.jobs:
                for wait in self.questions(job):
                    self.resolve(wait, "happened", "ann") or self.resolve(wait, "did_not_happen", "ann")
        self._check(healed=True, afresh=False)
        assert all(job.is_final for job in self.jobs), [(job.goal, job.state) for job in self.jobs]

    def _is_due(self, node: Node) -> bool:
        return node.not_before is None or node.not_before <= Job.objects.now()

    def _note(self, act: str, call: Call | None = None) -> None:
        assert not connection.in_atomic_block
        self.acts.append(act)
        if call is not None:
            self.calls.append(call)
        self.look()
