"""Trying a failed job again: it goes on where it failed, and nothing that happened happens again."""

from uuid import uuid4

import pytest

from aetheris.core import registry
from aetheris.core.errors import NotApplied, Refused, ToolError
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.outcomes import Done, Expand
from aetheris.core.references import ref
from aetheris.core.retry import RetryPolicy
from aetheris.testing.wholeness import assert_invariants
from jobs.engine.cancel import cancel
from jobs.engine.claim import claim
from jobs.engine.commit import commit
from jobs.engine.requeue import requeue
from jobs.engine.run import run_node
from jobs.engine.signal import signal
from jobs.engine.sweep import sweep
from jobs.engine.transaction import job_transaction
from jobs.models import Job
from ledger.models import Entry
from tests.conftest import Clock
from tests.doors import REQUESTER as RIGHTS
from tests.doors import asking, at_once, door, finishing, refused, two_waits
from tests.world import (
    APPROVER,
    REQUESTER,
    Doorbells,
    Registered,
    World,
    again,
    assert_whole,
    event_types,
    function,
    in_turn,
    result_of,
    states,
    submitted,
)

NO = ToolError("no")


def refusal(job: Job) -> str:
    """Why the job cannot be tried again; it must be as it was."""
    before = again(job).seq
    with pytest.raises(Refused) as error:
        requeue(job.pk, actor=REQUESTER)
    assert again(job).seq == before
    return error.value.code


def tried_again(job: Job, doorbells: Doorbells) -> Job:
    requeue(job.pk, actor=REQUESTER, reason="once more")
    doorbells.drain()
    assert_whole(job)
    assert_invariants()
    return again(job)


def chain(registered: Registered, world: World, effect: Effect = Effect.IDEMPOTENT, **options: object) -> None:
    """An agent that takes and then gives."""
    take, give = world.tool("take", effect), world.tool("give", effect, **options)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("take", take, value="7.50")
        graph.tool("give", give, value=ref("take"))
        graph.edge("take", "give")
        return graph

    registered.agent(plan, take, give)


def test_it_goes_on_where_it_failed(registered: Registered, world: World, doorbells: Doorbells) -> None:
    chain(registered, world)
    world.answers["give"] = in_turn(NO, "given")
    job = submitted()
    doorbells.drain()
    assert (again(job).state, states(job)) == ("failed", {"take": "completed", "give": "failed"})
    job = tried_again(job, doorbells)
    assert (job.state, job.outcome, job.error, result_of(job)) == ("completed", "completed", None, "given")
    assert [call.tool for call in world.calls] == ["take", "give", "give"]
    first, second = world.calls[1:]
    assert first.arguments == second.arguments
    assert (first.key[-2:], second.key[-2:]) == (":1", ":2")
    types = event_types(job)
    assert types.index("job_failed") + 1 == types.index("job_requeued")


def test_all_tries_of_the_policy_are_there_again(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    give = world.tool("give", Effect.IDEMPOTENT)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.options(graph.tool("give", give, value=1), retry=RetryPolicy(max_tries=2, first_seconds=1))
        return graph

    def worked() -> str:
        for _ in range(2):
            doorbells.drain()
            clock.advance(60)
            sweep()
        doorbells.drain()
        return str(again(job).state)

    registered.agent(plan, give)
    world.answers["give"] = in_turn(*[NotApplied("busy")] * 3, "given")
    job = submitted()
    assert worked() == "failed"
    requeue(job.pk, actor=REQUESTER)
    assert worked() == "completed"
    assert len(world.calls) == 4


def test_what_was_cancelled_with_it_begins_as_well(registered: Registered, world: World, doorbells: Doorbells) -> None:
    """A join of two branches, one of which waits, when the other fails."""
    act, last = world.tool("act"), world.tool("last")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("wait", correlation_key="signal-1")
        graph.tool("act", act, value=1)
        graph.tool("last", last, value=ref("wait"))
        graph.edge("wait", "last")
        graph.edge("act", "last")
        return graph

    registered.agent(plan, act, last)
    world.answers["act"] = in_turn(NO, 2)
    job = submitted()
    doorbells.drain()
    assert states(job) == {"wait": "cancelled", "act": "failed", "last": "cancelled"}
    job = tried_again(job, doorbells)
    assert (job.state, states(job)) == ("parked", {"wait": "waiting", "act": "completed", "last": "blocked"})
    signal(job.pk, "signal-1", {"seen": True}, APPROVER)
    doorbells.drain()
    assert again(job).state == "completed"
    assert_whole(job)


def test_an_approval_that_was_never_asked_for_is_asked_then(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    world.answers["look"] = in_turn(NO, {"amount": "7.50"})
    job = submitted()
    doorbells.drain()
    assert tried_again(job, doorbells).state == "parked"
    signal(job.pk, "ask-1", {"approved": True}, APPROVER)
    doorbells.drain()
    assert again(job).state == "completed"


def test_nobody_is_asked_twice(registered: Registered, world: World, doorbells: Doorbells, clock: Clock) -> None:
    asking(registered, world, timeout="1h")
    job = submitted()
    doorbells.drain()
    clock.advance(3601)
    sweep()
    assert again(job).state == "failed"
    assert refusal(job) == "CANNOT_RETRY"


def test_a_plan_that_failed_is_made_again(registered: Registered, world: World, doorbells: Doorbells) -> None:
    look = world.tool("look")
    plans = []

    def plan() -> TaskGraph:
        plans.append(1)
        if len(plans) == 1:
            raise RuntimeError("not today")
        graph = TaskGraph()
        graph.tool("look", look, value=3)
        return graph

    registered.agent(plan, look)
    job = submitted()
    doorbells.drain()
    assert again(job).error_value is not None
    job = tried_again(job, doorbells)
    assert (job.state, result_of(job)) == ("completed", 3)


def test_a_recorded_answer_stays_and_fails_again(registered: Registered, world: World, doorbells: Doorbells) -> None:
    """A condition that cannot be evaluated is evaluated again, on the same recorded output."""
    answers = [None, 9]

    def amount(value: object) -> object:
        return answers.pop(0)

    number = function(amount)
    look = world.tool("look")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.function("amount", number, value=1)
        graph.tool("look", look, value=1)
        graph.edge("amount", "look", when={"ref": "amount", "op": ">", "value": 5})
        return graph

    registered.agent(plan, look, number)
    job = submitted()
    doorbells.drain()
    assert again(job).state == "failed"
    job = tried_again(job, doorbells)
    assert job.state == "failed"
    assert event_types(job).count("job_failed") == 2


def test_what_completed_while_the_job_failed_leads_on_then(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    fails, slow, last = (world.tool(name) for name in ("fails", "slow", "last"))

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("slow", slow, value=1)
        graph.tool("last", last, value=ref("slow"))
        graph.edge("slow", "last")
        graph.tool("fails", fails, value=2)
        return graph

    registered.agent(plan, fails, slow, last)
    world.answers["fails"] = in_turn(NO, 2)
    job = submitted()
    with job_transaction(job.pk) as tx:
        planned = claim(tx, "plan")
    assert planned is not None
    with job_transaction(job.pk) as tx:
        commit(tx, planned, Expand(plan()))
        held = claim(tx, "slow")
    assert held is not None
    run_node(job.pk, "fails")
    with job_transaction(job.pk) as tx:
        commit(tx, held, Done("1"))
    assert states(job) == {"slow": "completed", "last": "cancelled", "fails": "failed"}
    job = tried_again(job, doorbells)
    assert (job.state, states(job)) == ("completed", {"slow": "completed", "last": "completed", "fails": "completed"})
    assert [call.tool for call in world.calls].count("fails") == 2


def test_a_late_job_has_its_time_again(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_waits(registered, world)
    monkeypatch.setattr(registry.agents.get("test-agent"), "deadline", "1h")
    job = submitted()
    doorbells.drain()
    clock.advance(3601)
    sweep()
    failed = again(job)
    assert (failed.state, failed.error_value["code"]) == ("failed", "DEADLINE_EXCEEDED")  # type: ignore[index]
    job = tried_again(job, doorbells)
    assert job.state == "parked"
    assert job.deadline_at is not None
    assert failed.deadline_at is not None
    assert job.deadline_at > failed.deadline_at


def test_only_a_failed_job_is_tried_again(registered: Registered, world: World, doorbells: Doorbells) -> None:
    finishing(registered, world)
    job = submitted()
    assert refusal(job) == "JOB_NOT_FAILED"
    doorbells.drain()
    assert refusal(job) == "JOB_NOT_FAILED"
    cancelled = submitted()
    cancel(cancelled.pk, actor=REQUESTER)
    assert refusal(cancelled) == "JOB_NOT_FAILED"
    with pytest.raises(Refused, match="no job"):
        requeue(uuid4(), actor=REQUESTER)


def test_two_who_try_at_once_try_once(registered: Registered, world: World, doorbells: Doorbells) -> None:
    chain(registered, world)
    world.answers["give"] = in_turn(NO, "given")
    job = submitted()
    doorbells.drain()

    def attempt() -> str:
        try:
            return str(requeue(job.pk, actor=REQUESTER).state)
        except Refused as error:
            return error.code

    assert sorted(at_once(attempt, attempt)) == ["JOB_NOT_FAILED", "pending"]
    doorbells.drain()
    assert [call.tool for call in world.calls] == ["take", "give", "give"]
    assert Entry.objects.filter(job_id=job.pk, node="give").count() == 2


def test_the_door(registered: Registered, world: World, doorbells: Doorbells) -> None:
    chain(registered, world)
    world.answers["give"] = in_turn(NO, "given")
    requester = door("requester", *RIGHTS)
    job_id = requester.message().body["job_id"]
    assert refused(lambda: requester.post(f"jobs/{job_id}/retry")) == (409, "JOB_NOT_FAILED")
    doorbells.drain()
    answer = requester.post(f"jobs/{job_id}/retry", {"reason": "once more"})
    assert (answer.status, answer.body["status"]) == (202, "pending")
    doorbells.drain()
    assert requester.get(f"jobs/{job_id}").body["status"] == "completed"
    assert requester.get(f"jobs/{job_id}/replay").body["verification"]["consistent"]
    assert refused(lambda: requester.post(f"jobs/{uuid4()}/retry")) == (404, "JOB_NOT_FOUND")
