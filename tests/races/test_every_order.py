"""Everything that can meet at one job meets in every order, each beginning before those ahead of it have committed.

Whoever comes first has the job; PostgreSQL does not promise in which order it is given to those that wait for it.
After each order every invariant holds, and what had to win has won, once. What finds its job locked by somebody else is
left to the next sweep, as in production, so one follows.
"""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.outcomes import Done, Fail
from aetheris.testing.invariants import told, violations
from jobs.engine import schedule as schedules
from jobs.engine.cancel import cancel
from jobs.engine.claim import claim
from jobs.engine.commit import commit
from jobs.engine.give_back import give_back
from jobs.engine.kinds.base import Claimed
from jobs.engine.reclaim import reclaim_if_expired
from jobs.engine.rescue import rescue
from jobs.engine.resolve import resolve
from jobs.engine.sender import Sender
from jobs.engine.signal import signal
from jobs.engine.submit import submit
from jobs.engine.sweep import sweep
from jobs.engine.time_out import time_out_if_due
from jobs.engine.transaction import job_transaction
from jobs.models import Job, Node, Schedule, Submission
from ledger.models import Entry
from signals_app.models import Approval, Wait
from tests.conftest import Clock
from tests.jobs.engine.one_tool import LEASE, lost, one_tool, question, taken
from tests.races.actors import Verb, in_order
from tests.world import APPROVER, REQUESTER, Doorbells, Registered, World, again, submitted

OTHER = Sender("user:3/other", may_signal=True, may_decide=True)
SETTLE = 60.0


def orders(*names: str, three: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every two of them, and every three (of these), in every order."""
    return [*itertools.permutations(names, 2), *itertools.permutations(three or names, 3)]


def taking(job: Job) -> int | None:
    """A worker takes the node; which claim of it that was."""
    with job_transaction(job.pk) as tx:
        claimed = claim(tx, "act")
    return claimed.claims if claimed else None


def committing(claimed: Claimed, outcome: Any) -> Callable[[Job], bool]:
    def bring(job: Job) -> bool:
        with job_transaction(job.pk) as tx:
            return commit(tx, claimed, outcome)

    return bring


def cancelling(job: Job) -> str:
    cancel(job.pk, actor=REQUESTER)
    return "cancelled"


def nothing_is_wrong() -> None:
    found = violations(afresh=False)
    assert found == [], told(found)


@pytest.mark.parametrize("order", orders("one", "two", "cancel", "sweep"), ids=" then ".join)
def test_two_claims_a_cancel_and_a_sweep(
    order: tuple[str, ...], registered: Registered, world: World, doorbells: Doorbells
) -> None:
    job = one_tool(registered, world, Effect.ONCE)
    verbs: dict[str, Verb] = {"one": taking, "two": taking, "cancel": cancelling, "sweep": lambda _: sweep()}
    said = dict(zip(order, in_order(job, *(verbs[name] for name in order)), strict=True))
    claimed = [said[name] for name in order if name in ("one", "two") and said[name] is not None]
    claims_come_first = (
        "cancel" not in order or order[0] in ("one", "two") or order[:2] in (("sweep", "one"), ("sweep", "two"))
    )
    assert claimed == ([1] if claims_come_first else [])
    assert Entry.objects.filter(job=job).count() == len(claimed)
    nothing_is_wrong()


@pytest.mark.parametrize("effect", [Effect.IDEMPOTENT, Effect.ONCE])
@pytest.mark.parametrize(
    "order",
    orders("commit", "reclaim", "rescue", "cancel", "claim", three=("commit", "reclaim", "claim")),
    ids=" then ".join,
)
def test_a_stale_commit_a_reclaim_and_the_next_claim(
    order: tuple[str, ...],
    effect: Effect,
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
) -> None:
    """The lease has run out; its worker is back with a result, whether it still counts as held or not."""
    job = one_tool(registered, world, effect)
    claimed = taken(job)
    clock.advance(LEASE + 1)
    verbs: dict[str, Verb] = {
        "commit": committing(claimed, Done('"paid"')),
        "reclaim": lambda job: reclaim_if_expired(job.pk, "act"),
        "rescue": lambda job: rescue(claimed.activation),
        "cancel": cancelling,
        "claim": taking,
    }
    said = dict(zip(order, in_order(job, *(verbs[name] for name in order)), strict=True))
    nothing_is_wrong()
    entry = Entry.objects.get(job=job)
    if "commit" in order:
        assert (entry.state, entry.result) == ("committed", '"paid"'), "a fact is never refused"
    if order[0] == "commit":
        assert said["commit"] is True
        assert not said.get("reclaim")
        assert not said.get("rescue")
        assert said.get("claim") is None
        assert again(job).state == "completed"
    if "rescue" in order and "reclaim" in order:
        assert [said["rescue"], said["reclaim"]].count(True) <= 1


@pytest.mark.parametrize("late", [False, True], ids=["in time", "after its time"])
@pytest.mark.parametrize("order", orders("yes", "no", "timeout", "cancel"), ids=" then ".join)
def test_two_approvers_a_timeout_and_a_cancel(
    order: tuple[str, ...], late: bool, registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    pay = world.tool("pay", Effect.ONCE)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("ask", kind="human", correlation_key="ask-1", approves="pay", timeout=60)
        graph.tool("pay", pay, value=1)
        graph.edge("ask", "pay")
        return graph

    registered.agent(plan, pay)
    job = submitted()
    doorbells.drain()
    clock.advance(61 if late else 0)
    verbs: dict[str, Verb] = {
        "yes": lambda job: signal(job.pk, "ask-1", {"approved": True}, APPROVER),
        "no": lambda job: signal(job.pk, "ask-1", {"approved": False}, OTHER),
        "timeout": lambda job: time_out_if_due(job.pk, "ask-1"),
        "cancel": cancelling,
    }
    said = dict(zip(order, in_order(job, *(verbs[name] for name in order)), strict=True))
    sweep()
    doorbells.drain()
    nothing_is_wrong()
    taken_answers = [name for name in order if said[name] == "applied"]
    ended = {"yes": "approved", "no": "refused", "timeout": "expired", "cancel": "cancelled"}
    state = Approval.objects.get(job=job).state
    assert len(taken_answers) <= (not late)
    if order[0] != "timeout":
        assert state == ended["timeout" if late and order[0] in ("yes", "no") else order[0]]
    if taken_answers:
        assert state == ended[taken_answers[0]]
    assert world.called("pay") == (taken_answers == ["yes"] and "cancel" not in order)


@pytest.mark.parametrize("order", orders("same", "again", "other"), ids=" then ".join)
def test_one_key_with_the_same_and_with_another_message(
    order: tuple[str, ...], registered: Registered, world: World, doorbells: Doorbells
) -> None:
    registered.agent(TaskGraph)
    messages = {"same": "do it", "again": "do it", "other": "do something else"}

    def submitting(message: str) -> Verb:
        def send(_: Job) -> Any:
            options: dict[str, Any] = {"tenant": "default", "requested_by": REQUESTER, "idempotency_key": "key"}
            return submit("test-agent", message, **options)

        return send

    answers = in_order(Job(), *(submitting(messages[name]) for name in order))
    first = answers[0]
    assert (Job.objects.count(), Submission.objects.get().job_id) == (1, first.job_id)
    for name, answer in zip(order, answers, strict=True):
        same = messages[name] == messages[order[0]]
        assert (answer.job_id if same else answer) == (first.job_id if same else "IDEMPOTENCY_KEY_REUSED")
    nothing_is_wrong()


@pytest.mark.parametrize(
    "fact", [Done('"paid"'), Fail("NO", "refused"), Fail("NO", "not now", again=True)], ids=["yes", "no", "not now"]
)
@pytest.mark.parametrize("order", orders("fact", "not", "again", "cancel"), ids=" then ".join)
def test_a_late_fact_and_two_people_who_say_what_became_of_it(
    order: tuple[str, ...],
    fact: Done | Fail,
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
) -> None:
    """An effect is in doubt, and settled; one has proposed to send it again. The first word stands."""
    job = one_tool(registered, world, Effect.ONCE, settle=SETTLE)
    stale = lost(job, clock)
    assert taking(job) is None, "the effect is shown"
    clock.advance(SETTLE + 1)
    key = question(job)
    resolve(job.pk, key, {"resolution": "send_again"}, OTHER)
    verbs: dict[str, Verb] = {
        "fact": committing(stale, fact),
        "not": lambda job: resolve(job.pk, key, {"resolution": "did_not_happen"}, APPROVER),
        "again": lambda job: resolve(job.pk, key, {"resolution": "send_again"}, APPROVER),
        "cancel": cancelling,
    }
    said = dict(zip(order, in_order(job, *(verbs[name] for name in order)), strict=True))
    nothing_is_wrong()
    entry, state = Entry.objects.get(job=job, attempt=1), Wait.objects.get(job=job).state
    answers = [name for name in order if said[name] == "applied"]
    brought = "fact" in order
    assert len(answers) <= 1
    assert (answers[:1] == [order[0]]) == (order[0] in ("not", "again")), "who comes first is heard"
    if answers:
        assert (entry.state, state) == ("failed", "resolved")
    elif brought:
        assert (entry.state, state) == ("committed" if isinstance(fact, Done) else "failed", "resolved")
    else:
        assert (entry.state, state, set(order)) == ("unknown", "open", {"again", "cancel"})
    assert again(job).conflicts == (brought and isinstance(fact, Done) and answers != [])


@pytest.mark.parametrize("order", orders("one", "two", "three"), ids=" then ".join)
def test_sweeps_at_once_do_everything_once(
    order: tuple[str, ...], registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """An expired lease, a wait that is over and a schedule that is due."""
    job = one_tool(registered, world, Effect.IDEMPOTENT)
    taken(job)
    schedules.change(
        Schedule(tenant="default", name="report", agent_name="test-agent", message="report", interval_seconds=600),
        REQUESTER,
    )
    clock.advance(601)
    swept = [each for each in in_order(job, *(lambda _: sweep() for _ in order)) if each]
    if sum(each["reclaimed"] for each in swept) == 0:
        swept.append(sweep())
    assert sum(each["reclaimed"] for each in swept) == 1
    assert sum(each["fired"] for each in swept) == 1
    assert Node.objects.get(job=job, path="act").crashes == 1
    nothing_is_wrong()


@pytest.mark.parametrize("order", list(itertools.permutations(("give back", "reclaim"))), ids=" then ".join)
def test_a_node_that_is_given_back_is_not_taken_back(
    order: tuple[str, ...], registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = one_tool(registered, world, Effect.READ)
    claimed = taken(job)
    clock.advance(LEASE + 1)
    verbs: dict[str, Verb] = {
        "give back": lambda _: give_back(claimed),
        "reclaim": lambda job: reclaim_if_expired(job.pk, "act"),
    }
    assert in_order(job, *(verbs[name] for name in order)).count(True) == 1
    assert Node.objects.get(job=job, path="act").crashes == (order[0] == "reclaim")
    nothing_is_wrong()
