"""A verifiable effect in doubt is asked about before anything is sent again."""

from collections.abc import Callable
from typing import Any

import pytest

from aetheris.core.context import ToolContext
from aetheris.core.findings import DidNotHappen, Finding, Happened, Undecided
from aetheris.core.handlers import Effect, Hooks
from aetheris.core.outcomes import Done, Fail
from jobs.engine.cancel import cancel
from jobs.engine.commit import commit
from jobs.engine.sweep import sweep
from jobs.engine.transaction import job_transaction
from jobs.models import Job
from ledger.models import Entry
from tests.conftest import Clock
from tests.jobs.engine.one_tool import LEASE, lost, one_tool, question, taken
from tests.world import Doorbells, Registered, World, again, assert_whole, event_types, result_of, states

SETTLE = 600.0
pytestmark = pytest.mark.usefixtures("whole")


class Provider:
    """Answers what it is asked from a list; remembers who asked for which key."""

    def __init__(self, *findings: Finding | Exception | Callable[[ToolContext], Finding]) -> None:
        self.findings = list(findings)
        self.asked: list[str] = []

    def hook(self, ctx: ToolContext, value: Any = None) -> Finding:
        self.asked.append(ctx.idempotency_key)
        finding = self.findings.pop(0)
        if isinstance(finding, Exception):
            raise finding
        return finding(ctx) if callable(finding) else finding


def verifiable(registered: Registered, world: World, provider: Provider, **options: Any) -> Job:
    options = {"settle": SETTLE, **options}
    return one_tool(registered, world, Effect.VERIFIABLE, hooks=Hooks(reconcile=provider.hook), **options)


def the_write(job: Job, attempt: int = 1) -> Entry:
    return Entry.objects.get(job=job, step_id="act", attempt=attempt)


def test_what_happened_is_recorded_and_not_sent_again(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    provider = Provider(Happened({"paid": "7.50"}))
    job = verifiable(registered, world, provider)
    first = lost(job, clock)
    doorbells.drain()
    assert (again(job).state, result_of(job), world.called("act")) == ("completed", {"paid": "7.50"}, 0)
    assert provider.asked == [first.idempotency_key]
    assert (the_write(job).state, the_write(job).sends) == ("committed", 1)


def test_what_did_not_happen_is_sent_under_a_new_key_once_it_cannot_happen_any_more(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    provider = Provider(DidNotHappen(), DidNotHappen())
    job = verifiable(registered, world, provider)
    first = lost(job, clock)
    doorbells.drain()
    assert (again(job).state, world.called("act")) == ("retrying", 0), "what was sent may still take effect"
    assert_whole(job)  # the node was held while the provider was asked, and the events tell that it is not any more
    assert provider.asked == [first.idempotency_key]

    clock.advance(SETTLE - LEASE)
    sweep()
    doorbells.drain()
    assert (again(job).state, world.called("act")) == ("retrying", 0), "still before settled_by"

    clock.advance(LEASE + 2)
    sweep()
    doorbells.drain()
    assert (again(job).state, world.called("act")) == ("completed", 1)
    assert [key for _, _, key in world.calls] == [first.idempotency_key.removesuffix("1") + "2"]
    assert provider.asked == [first.idempotency_key] * 2
    assert (the_write(job).state, the_write(job, 2).state) == ("failed", "committed")


def test_a_no_that_was_asked_for_too_early_is_not_believed_when_it_comes_late(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """Between the question and its answer the effect may have happened: the moment of asking counts."""

    def slow(ctx: ToolContext) -> Finding:
        clock.advance(SETTLE + LEASE)
        return DidNotHappen()

    provider = Provider(slow, Happened("in the meantime"))
    job = verifiable(registered, world, provider)
    lost(job, clock)
    doorbells.drain()
    assert (result_of(job), world.called("act"), len(provider.asked)) == ("in the meantime", 0, 2)


@pytest.mark.parametrize("answer", [Undecided("ask me later"), ConnectionResetError("half an answer")])
def test_a_provider_that_cannot_say_is_asked_as_often_as_policy_says_and_then_a_person_is(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, answer: Finding | Exception
) -> None:
    provider = Provider(*[answer] * 3)
    job = verifiable(registered, world, provider)
    lost(job, clock)
    for _ in range(4):
        doorbells.drain()
        clock.advance(30)
        sweep()
    assert (again(job).state, len(provider.asked), world.called("act")) == ("parked", 3, 0)
    assert the_write(job).state == "unknown"
    assert question(job) == "resolution:act:1"


def test_an_answer_that_cannot_be_read_is_asked_about_too(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    provider = Provider(Happened("it did"))
    job = verifiable(registered, world, provider)
    world.answers["act"] = ConnectionResetError("half an answer")
    doorbells.rung.append((job.pk, "act", "default"))
    doorbells.drain()
    clock.advance(30)
    sweep()
    doorbells.drain()
    assert (result_of(job), world.called("act"), len(provider.asked)) == ("it did", 1, 1)


def test_a_worker_lost_while_it_asked_leaves_a_question_that_another_one_asks(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    provider = Provider(Happened("it did"))
    job = verifiable(registered, world, provider)
    lost(job, clock)
    asking = taken(job)
    assert asking.question is not None
    clock.advance(LEASE + 1)
    sweep()
    doorbells.drain()
    assert (again(job).state, len(provider.asked), world.called("act")) == ("completed", 1, 0)


def test_the_lost_worker_answers_while_its_provider_is_asked(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """The late fact stands; the one who asked ends the node by what the ledger says."""
    provider = Provider()
    job = verifiable(registered, world, provider)
    first = lost(job, clock)
    asking = taken(job)
    with job_transaction(job.pk) as tx:
        assert not commit(tx, first, Done('"from the lost one"'))
    assert states(job) == {"act": "running"}
    with job_transaction(job.pk) as tx:
        assert commit(tx, asking, Done('{"finding":"did not happen"}'))
    assert (again(job).state, result_of(job)) == ("completed", "from the lost one")


def test_two_facts_that_contradict_each_other_are_shown_and_the_first_stands(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    provider = Provider(DidNotHappen())
    job = verifiable(registered, world, provider)
    first = lost(job, clock)
    clock.advance(SETTLE + LEASE)
    doorbells.drain()
    assert (again(job).state, world.called("act")) == ("completed", 1)
    with job_transaction(job.pk) as tx:
        assert not commit(tx, first, Done('"it did, though"'))
    job = again(job)
    assert (job.state, job.conflicts, the_write(job).state) == ("completed", 1, "failed")
    assert event_types(job)[-1] == "fact_conflict"


def test_the_same_fact_twice_is_no_conflict(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = verifiable(registered, world, Provider(Happened("it did")))
    first = lost(job, clock)
    doorbells.drain()
    with job_transaction(job.pk) as tx:
        commit(tx, first, Done('"it did"'))
    assert again(job).conflicts == 0
    with job_transaction(job.pk) as tx:
        commit(tx, first, Fail("NO", "it did not"))
    assert again(job).conflicts == 1


def test_an_idempotent_effect_is_asked_about_when_its_key_may_be_forgotten(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    provider = Provider(Happened("it did"))
    job = one_tool(
        registered, world, Effect.IDEMPOTENT, window=40.0, timeout=30.0, hooks=Hooks(reconcile=provider.hook)
    )
    lost(job, clock)
    doorbells.drain()
    assert (result_of(job), world.called("act"), len(provider.asked)) == ("it did", 0, 1)


def test_a_job_that_stops_while_its_provider_is_asked_ends_by_the_answer(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = verifiable(registered, world, Provider())
    lost(job, clock)
    asking = taken(job)
    cancel(job.pk, actor="user:1/requester", reason="changed my mind")
    clock.advance(SETTLE + LEASE)
    with job_transaction(job.pk) as tx:
        assert commit(tx, asking, Done('{"finding":"happened","result":"it did"}'))
    assert (again(job).state, the_write(job).state) == ("cancelled", "committed")


def test_whoever_asked_and_was_held_up_closes_the_question_that_was_put_to_people_meanwhile(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """It asked late enough, and heard that it did not happen: the effect is sent again, and nobody waits for ever."""
    provider = Provider(*[Undecided("ask me later")] * 3)
    job = verifiable(registered, world, provider)
    lost(job, clock)
    clock.advance(SETTLE)
    asking = lost(job, clock)
    assert asking.question is not None
    for _ in range(4):
        doorbells.drain()
        clock.advance(30)
        sweep()
    assert question(job) == "resolution:act:1"
    with job_transaction(job.pk) as tx:
        assert not commit(tx, asking, Done('{"finding":"did not happen"}'))
    assert (again(job).state, the_write(job).state) == ("pending", "failed")
    doorbells.drain()
    assert (again(job).state, world.called("act")) == ("completed", 1)
    assert world.calls[0][2].endswith(":act:2")


def test_between_two_questions_the_events_tell_that_nobody_holds_the_node(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = verifiable(registered, world, Provider(DidNotHappen()))
    lost(job, clock)
    doorbells.drain()
    assert states(job) == {"act": "ready"}
    assert_whole(job)
