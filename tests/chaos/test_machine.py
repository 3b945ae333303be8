"""The engine against a model of it: whatever is done to jobs, in whatever order, nothing is wrong after any of it.

Directed stories reach each move that is declared; then Hypothesis does what it likes. `AETHERIS_MACHINE_EXAMPLES` and
`AETHERIS_MACHINE_STEPS` let it do more; with a number of examples of its own it does something else each time.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from aetheris.core import registry
from aetheris.testing.querysets import empty
from jobs.models import Job
from jobs.states import JobState
from tests.chaos import moves
from tests.chaos.bench import PEOPLE, RESOLUTIONS, Bench, Hand
from tests.chaos.shop import BEHAVIOURS, KEY, Names, Provider, open_shop
from tests.conftest import Clock
from tests.world import Doorbells, Registered, World

EXAMPLES = int(os.environ.get("AETHERIS_MACHINE_EXAMPLES", "0"))
STEPS = int(os.environ.get("AETHERIS_MACHINE_STEPS", "40"))
YES, NO, OTHER = {"approved": True}, {"approved": False}, {"n": 1}


class Machine(RuleBasedStateMachine):
    """Anything, in any order."""

    make: Callable[[], Bench]

    def __init__(self) -> None:
        super().__init__()
        empty()
        self.bench = type(self).make()

    def teardown(self) -> None:
        self.bench.heal()

    def a_job(self, number: int) -> Job:
        return self.bench.jobs[number % len(self.bench.jobs)]

    def a_hand(self, number: int) -> Hand:
        return self.bench.hands[number % len(self.bench.hands)]

    @precondition(lambda self: len(self.bench.jobs) < 3)
    @rule(goal=st.sampled_from(Names.ALL), key=st.sampled_from(("", "key-1", "key-2")))
    def submit(self, goal: str, key: str) -> None:
        self.bench.submit(goal, key)

    @precondition(lambda self: self.bench.ready())
    @rule(number=st.integers(0, 5))
    def claim(self, number: int) -> None:
        ready = self.bench.ready()
        self.bench.claim(ready[number % len(ready)])

    @precondition(lambda self: self.bench.ready())
    @rule(behaviour=st.sampled_from(("answers", "answers", *BEHAVIOURS)))
    def work(self, behaviour: str) -> None:
        self.bench.work(behaviour)

    @precondition(lambda self: self.bench.hands)
    @rule(number=st.integers(0, 5), behaviour=st.sampled_from(BEHAVIOURS))
    def call(self, number: int, behaviour: str) -> None:
        self.bench.call(self.a_hand(number), behaviour)

    @precondition(lambda self: any(hand.outcome or hand.claimed.is_transactional for hand in self.bench.hands))
    @rule(number=st.integers(0, 5), behaviour=st.sampled_from(BEHAVIOURS))
    def commit(self, number: int, behaviour: str) -> None:
        ready = [hand for hand in self.bench.hands if hand.outcome or hand.claimed.is_transactional]
        self.bench.commit(ready[number % len(ready)], behaviour)

    @precondition(lambda self: self.bench.hands)
    @rule(number=st.integers(0, 5), end=st.sampled_from(("kill", "kill", "rescue", "give_back", "renew")))
    def disturb(self, number: int, end: str) -> None:
        getattr(self.bench, end)(self.a_hand(number))

    @rule(seconds=st.sampled_from((1, 16, 16, 40, 101)), then=st.sampled_from(("reclaim", "sweep", "arrive")))
    def pass_time(self, seconds: int, then: str) -> None:
        self.bench.pass_time(seconds)
        getattr(self.bench, then)()

    @rule(says=st.sampled_from(("so", "not yet", "nothing")))
    def see(self, says: str) -> None:
        self.bench.provider.says = says

    @precondition(lambda self: self.bench.jobs)
    @rule(
        number=st.integers(0, 2),
        key=st.sampled_from((KEY, KEY, "first", "first", "second", "nobody's")),
        payload=st.sampled_from((YES, YES, NO, OTHER)),
        who=st.sampled_from(("ann", *PEOPLE)),
    )
    def signal(self, number: int, key: str, payload: dict[str, Any], who: str) -> None:
        self.bench.signal(self.a_job(number), key, payload, who)

    @precondition(lambda self: any(self.bench.questions(job) for job in self.bench.jobs))
    @rule(resolution=st.sampled_from(RESOLUTIONS), who=st.sampled_from(("ann", "bob", "requester")))
    def resolve(self, resolution: str, who: str) -> None:
        wait = next(wait for job in self.bench.jobs for wait in self.bench.questions(job))
        self.bench.resolve(wait, resolution, who)

    @precondition(lambda self: self.bench.jobs)
    @rule(number=st.integers(0, 2))
    def cancel(self, number: int) -> None:
        self.bench.cancel(self.a_job(number))


def lost_payment(bench: Bench, goal: str, behaviour: str | None = None) -> Job:
    """A payment whose worker was lost, before or after its call."""
    job = bench.planned(goal)
    hand = bench.taken(job)
    bench.kill(hand if behaviour is None else bench.call(hand, behaviour))
    bench.pass_time(16)
    return job


def story_of_endings(bench: Bench) -> None:
    """Everything ends by itself."""
    for goal in Names.ALL:
        bench.submit(goal)
    bench.work()


def story_of_payments(bench: Bench) -> None:
    """Every class, with every behaviour."""
    for behaviour in BEHAVIOURS:
        for goal in Names.ALL[:4]:
            bench.planned(goal)
        bench.work(behaviour)
        bench.pass_time(2)
        bench.work(behaviour)


def story_of_answers(bench: Bench) -> None:
    """Early, late, twice, wrong and by the wrong people; then approved and refused."""
    ask, signals = bench.planned("ask once"), bench.planned("signals")
    assert bench.signal(ask, KEY, YES, "ann") == "WAIT_NOT_OPEN"
    bench.work()
    assert bench.signal(ask, KEY, OTHER, "ann") == "SIGNAL_PAYLOAD_INVALID"
    assert bench.signal(ask, KEY, YES, "requester") == "REQUESTER_MAY_NOT_DECIDE"
    assert bench.signal(ask, KEY, YES, "guest") == "MAY_NOT_DECIDE"
    assert bench.signal(ask, KEY, NO, "ann") == "applied"
    assert bench.signal(ask, KEY, NO, "bob") == "already"
    assert bench.signal(ask, KEY, YES, "bob") == "SIGNAL_CONFLICT"
    assert bench.signal(signals, "second", OTHER, "ann") == "kept"
    assert bench.signal(signals, "first", YES, "ann") == "applied"
    assert bench.signal(signals, "first", YES, "ann") == "already"
    waiting = bench.planned("signals")
    assert bench.signal(waiting, "first", OTHER, "ann") == "applied"
    late, cancelled, approved = (bench.planned("ask once") for _ in range(3))
    bench.planned("signals")
    assert bench.signal(late, "nobody's", YES, "ann") == "INVALID_SIGNAL_KEY"
    bench.work()
    bench.cancel(cancelled)
    assert bench.signal(approved, KEY, YES, "ann") == "applied"
    bench.pass_time(101)
    assert bench.signal(late, KEY, YES, "ann") == "WAIT_EXPIRED"


def story_of_doubt(bench: Bench) -> None:
    """What people say about an effect that nobody knows."""
    for resolution in ("did_not_happen", "send_again", "happened"):
        job = lost_payment(bench, "pay once", "answers" if resolution == "happened" else None)
        bench.reclaim()
        bench.work()
        bench.pass_time(90)
        (question,) = bench.questions(job)
        for who in ("ann", "ann", "bob"):
            if question in bench.questions(job):
                bench.resolve(question, resolution, who)
        bench.work()


def story_of_asking(bench: Bench) -> None:
    """The provider is asked: too early, in vain, and once more because a person says so."""
    job = lost_payment(bench, "pay verifiable")
    bench.reclaim()
    bench.work()
    bench.provider.says = "nothing"
    for _ in range(3):
        bench.pass_time(90)
        bench.work()
    (question,) = bench.questions(job)
    bench.resolve(question, "ask", "ann")
    bench.work()


def story_of_a_stale_no(bench: Bench) -> None:
    """Somebody who asked and was too late brings the only certain answer, while a person is asked already."""
    job = lost_payment(bench, "pay verifiable")
    bench.reclaim()
    bench.pass_time(90)
    stale = bench.call(bench.taken(job))
    bench.provider.says = "nothing"
    for _ in range(3):
        bench.pass_time(40)
        bench.reclaim()
        bench.work()
    assert bench.questions(job)
    bench.commit(stale)
    assert not bench.questions(job)


def story_of_a_fact_that_comes_late(bench: Bench) -> None:
    """A worker that lost its lease brings what it knows, while a person is asked."""
    for behaviour in ("refuses", "fails", "answers", "loses"):
        job = bench.planned("pay once")
        stale = bench.call(bench.taken(job), behaviour)
        bench.pass_time(16)
        bench.reclaim()
        bench.work()
        assert bench.questions(job)
        bench.commit(stale)
        assert bool(bench.questions(job)) == (behaviour == "loses")
        bench.work()


def story_of_cancels(bench: Bench) -> None:
    """A cancel at every moment: before it is begun, while it runs, in doubt, parked, delayed."""
    for goal in Names.ALL:
        bench.cancel(bench.submitted(goal))
        job = bench.planned(goal)
        bench.work("delays")
        bench.cancel(job)
        bench.cancel(job)
    for lost in ("pay once", "pay idempotent", "pay transactional"):
        bench.cancel(lost_payment(bench, lost))
        bench.reclaim()
    job = bench.planned("grow")
    hand = bench.taken(job)
    bench.cancel(job)
    bench.commit(bench.call(hand))


def story_of_lost_workers(bench: Bench) -> None:
    """A node that loses one worker after the other; one that is rescued, given back, renewed."""
    for goal in Names.ALL[:4]:
        job = bench.planned(goal)
        while ready := [node for node in bench.ready() if node.job_id == job.pk]:
            if (hand := bench.claim(ready[0])) is None:
                break
            bench.kill(bench.call(hand, "delays"))
            bench.pass_time(16)
            bench.sweep()
    job = bench.submitted("sleep")
    hand = bench.taken(job)
    bench.renew(hand)
    bench.give_back(hand)
    bench.rescue(bench.taken(job))


def story_of_watching(bench: Bench) -> None:
    """It is not so yet; then the time is over; or it cannot be seen, and what waited for it waits no more."""
    bench.provider.says = "not yet"
    for goal in ("watch fail", "watch continue"):
        bench.planned(goal)
    bench.work()
    bench.pass_time(61)
    bench.sweep()
    bench.planned("watch fail")
    bench.work()
    bench.pass_time(21)
    bench.work("fails")
    bench.planned("watch continue")
    bench.work("fails")
    bench.pass_time(100)
    bench.sweep()


def story_of_missing_code(bench: Bench) -> None:
    """A process without the code of what is to be approved leaves its wait to another one."""
    job = bench.planned("ask once")
    hand = bench.call(bench.taken(job))
    with registry.tools.emptied():
        bench.commit(hand)
    bench.work()
    bench.signal(job, KEY, YES, "ann")


STORIES = [each for name, each in list(globals().items()) if name.startswith("story_of_")]


@pytest.fixture
def make(registered: Registered, world: World, doorbells: Doorbells, clock: Clock) -> Iterator[Callable[[], Bench]]:
    provider = Provider()
    open_shop(registered, world, provider)

    def bench() -> Bench:
        provider.forget()
        return Bench(provider, clock)

    with moves.watched():
        yield bench


def test_whatever_is_done_nothing_is_wrong_and_every_declared_move_was_made(make: Callable[[], Bench]) -> None:
    for story in STORIES:
        empty()
        bench = make()
        story(bench)
        bench.heal()
    bench.look_afresh()
    Machine.make = staticmethod(make)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES or 12,
            stateful_step_count=STEPS,
            derandomize=not EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    seen = moves.seen()
    assert {move for move in seen if move[0] != "job"} == moves.DECLARED - moves.BY_A_RETRY
    assert {state for kind, *states in seen if kind == "job" for state in states} == {str(state) for state in JobState}
