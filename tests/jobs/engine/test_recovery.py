"""What follows a lost worker, a late answer and an unreadable one, for each effect class that exists today."""

import threading
import time
from typing import Any

import pytest
from django.db import connection

from aetheris.core.clocks import uptime
from aetheris.core.errors import NotApplied
from aetheris.core.handlers import Effect
from aetheris.core.ids import new_id
from aetheris.core.outcomes import Done, Fail
from jobs.engine.activation import Activation
from jobs.engine.claim import claim
from jobs.engine.commit import commit
from jobs.engine.heartbeat import Heartbeat
from jobs.engine.perform import perform
from jobs.engine.reclaim import reclaim_if_expired
from jobs.engine.run import run_node
from jobs.engine.sweep import sweep
from jobs.engine.transaction import job_transaction
from jobs.engine.transitions import recount
from jobs.models import Job, Node
from jobs.querysets import JobQuerySet
from ledger.models import Entry
from signals_app.models import Wait
from tests.conftest import Clock
from tests.jobs.engine.one_tool import LEASE, lost, one_tool, taken
from tests.world import Doorbells, Registered, World, again, event_types, result_of, states


@pytest.mark.parametrize(
    ("effect", "state", "entry", "calls"),
    [
        (Effect.PURE, "completed", "committed", 1),
        (Effect.READ, "completed", "committed", 1),
        (Effect.IDEMPOTENT, "completed", "committed", 1),
        (Effect.ONCE, "parked", "unknown", 0),
    ],
)
def test_a_worker_lost_after_the_opening(
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
    effect: Effect,
    state: str,
    entry: str,
    calls: int,
) -> None:
    """Nobody can say whether the lost worker called: what may be repeated is, under the same key; `once` is shown."""
    job = one_tool(registered, world, effect)
    lost = taken(job)
    assert not reclaim_if_expired(job.pk, "act"), "the lease still holds"

    clock.advance(LEASE + 1)
    assert sweep()["reclaimed"] == 1
    doorbells.drain()
    assert again(job).state == state
    stored = Entry.objects.get(job=job)
    assert (stored.state, stored.attempt, world.called("act")) == (entry, 1, calls)
    assert {key for _, _, key in world.calls} <= {lost.idempotency_key}
    assert Node.objects.get(job=job, path="act").crashes == 1
    assert {name: getattr(again(job), name) for name in recount(job)} == recount(job)


def test_an_idempotent_effect_is_not_sent_again_when_its_key_may_be_forgotten(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = one_tool(registered, world, Effect.IDEMPOTENT, window=100.0, timeout=30.0, settle=0.0)
    taken(job)
    clock.advance(80)
    sweep()
    doorbells.drain()
    assert (Entry.objects.get(job=job).state, world.called("act")) == ("unknown", 0)


@pytest.mark.parametrize(("settle", "sent"), [(30.0, 1), (50.0, 0)])
def test_a_second_send_that_may_arrive_after_the_key_is_forgotten_is_not_made(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, settle: float, sent: int
) -> None:
    job = one_tool(registered, world, Effect.IDEMPOTENT, window=100.0, timeout=30.0, settle=settle)
    lost(job, clock)
    clock.advance(10)
    doorbells.drain()
    assert world.called("act") == sent


def test_a_result_that_was_recorded_is_never_asked_for_again(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """The entry is committed but its node is not: the next worker takes the ledger's result."""
    job = one_tool(registered, world, Effect.ONCE)
    first = taken(job)
    clock.advance(LEASE + 1)
    sweep()
    with job_transaction(job.pk) as tx:
        assert not commit(tx, first, Done('"late"')), "the lease was taken"
    assert Entry.objects.get(job=job).state == "committed"

    doorbells.drain()
    assert (again(job).state, result_of(job), world.called("act")) == ("completed", "late", 0)


def test_a_late_success_answers_the_doubt_that_it_left(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = one_tool(registered, world, Effect.ONCE)
    first = taken(job)
    clock.advance(LEASE + 1)
    sweep()
    doorbells.drain()
    assert again(job).state == "parked"

    with job_transaction(job.pk) as tx:
        commit(tx, first, Done('"late"'))
    job = again(job)
    assert (job.state, result_of(job), world.called("act")) == ("completed", "late", 0)
    assert Wait.objects.get(job=job).state == "resolved"


def test_a_stale_worker_moves_nothing(registered: Registered, world: World, doorbells: Doorbells, clock: Clock) -> None:
    """Two workers, one node: the second holds the lease, the first brings its fact and nothing else."""
    job = one_tool(registered, world, Effect.IDEMPOTENT)
    first = taken(job)
    clock.advance(LEASE + 1)
    sweep()
    second = taken(job)
    with job_transaction(job.pk) as tx:
        assert not commit(tx, first, Done('"first"'))
    assert states(job) == {"act": "running"}
    with job_transaction(job.pk) as tx:
        assert commit(tx, second, Done('"second"'))
    assert result_of(job) == "first", "the first fact wins"
    assert Entry.objects.get(job=job).sends == 2


@pytest.mark.parametrize(("effect", "conflicts"), [(Effect.READ, 0), (Effect.IDEMPOTENT, 1)])
def test_only_what_writes_can_contradict_itself(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, effect: Effect, conflicts: int
) -> None:
    """A look that comes late has seen an older world: there is nothing for anybody to put right."""
    job = one_tool(registered, world, effect)
    first = taken(job)
    clock.advance(LEASE + 1)
    sweep()
    second = taken(job)
    for worker, seen in ((second, '"new"'), (first, '"old"')):
        with job_transaction(job.pk) as tx:
            commit(tx, worker, Done(seen))
    assert (result_of(job), again(job).conflicts) == ("new", conflicts)


@pytest.mark.parametrize(
    ("effect", "calls", "state", "entry"),
    [
        (Effect.READ, 3, "failed", "failed"),
        (Effect.IDEMPOTENT, 3, "parked", "unknown"),
        (Effect.ONCE, 1, "parked", "unknown"),
    ],
)
def test_an_answer_that_cannot_be_read(
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
    effect: Effect,
    calls: int,
    state: str,
    entry: str,
) -> None:
    """Doubt about a read is tried again and then fails; about a write it ends as UNKNOWN, never as a failure."""
    job = one_tool(registered, world, effect)
    world.answers["act"] = ConnectionResetError("half an answer")
    run_node(job.pk, "act")
    for _ in range(4):
        clock.advance(60)
        sweep()
        doorbells.drain()
    assert (world.called("act"), again(job).state, Entry.objects.get(job=job).state) == (calls, state, entry)
    assert len({key for _, _, key in world.calls}) == 1
    assert {name: getattr(again(job), name) for name in recount(job)} == recount(job)


def test_a_retry_waits_for_its_time(registered: Registered, world: World, doorbells: Doorbells, clock: Clock) -> None:
    job = one_tool(registered, world, Effect.READ)
    world.answers["act"] = ConnectionResetError("half an answer")
    run_node(job.pk, "act")
    assert again(job).state == "retrying"
    assert sweep()["rung"] == 0
    run_node(job.pk, "act")
    assert world.called("act") == 1, "a doorbell before its time changes nothing"

    del world.answers["act"]
    clock.advance(2)
    assert sweep()["rung"] == 1
    doorbells.drain()
    assert again(job).state == "completed"
    assert "node_retrying" in event_types(job)


def test_not_applied_after_an_earlier_send_is_still_doubt(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """The second send says no for itself; what became of the first one stays open."""
    job = one_tool(registered, world, Effect.IDEMPOTENT)
    taken(job)
    clock.advance(LEASE + 1)
    sweep()
    world.answers["act"] = NotApplied("refused")
    for _ in range(4):
        doorbells.drain()
        clock.advance(60)
        sweep()
    assert Entry.objects.get(job=job).state == "unknown"
    assert again(job).state == "parked"


def test_a_heartbeat_keeps_the_lease_until_the_deadline(
    registered: Registered, world: World, clock: Clock, doorbells: Doorbells
) -> None:
    job = one_tool(registered, world, Effect.READ, timeout=30.0)
    token = taken(job).token
    clock.advance(LEASE - 1)
    assert Node.objects.extend_leases([token], LEASE) == 1
    clock.advance(LEASE - 1)
    assert not reclaim_if_expired(job.pk, "act")
    assert Node.objects.extend_leases([token], LEASE) == 1
    clock.advance(5)  # 33 s: past the tool's 30 s
    assert Node.objects.extend_leases([token], LEASE) == 0
    clock.advance(LEASE)
    assert reclaim_if_expired(job.pk, "act")


def test_a_heartbeat_gives_nobody_back_a_lease_that_was_taken(
    registered: Registered, world: World, clock: Clock, doorbells: Doorbells
) -> None:
    job = one_tool(registered, world, Effect.IDEMPOTENT)
    first = taken(job).token
    clock.advance(LEASE + 1)
    sweep()
    assert Node.objects.extend_leases([first], LEASE) == 0
    second = taken(job).token
    assert Node.objects.extend_leases([first], LEASE) == 0
    assert Node.objects.get(job=job, path="act").lease_token == second


def test_the_same_node_of_two_jobs_is_two_effects(registered: Registered, world: World, doorbells: Doorbells) -> None:
    """They share neither entry nor key, and what became of one says nothing about the other."""
    one = one_tool(registered, world, Effect.ONCE)
    registered.forget()
    other = one_tool(registered, world, Effect.ONCE)
    first, second = taken(one), taken(other)
    assert first.idempotency_key != second.idempotency_key
    with job_transaction(one.pk) as tx:
        commit(tx, first, Done('"done"'))
    assert [Entry.objects.get(job=job).state for job in (one, other)] == ["committed", "started"]


def test_the_heartbeat_thread_extends_what_is_held(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = one_tool(registered, world, Effect.READ)
    claimed = taken(job)
    first = Node.objects.get(job=job, path="act").lease_expires_at
    with Heartbeat(lease_seconds=0.9).hold(claimed.token):
        threading.Event().wait(0.6)
    last = Node.objects.get(job=job, path="act").lease_expires_at
    assert first is not None
    assert last is not None
    assert last < first, "the thread's own lease of 0.9 s was written over the first one of 15 s"


def test_a_call_never_begins_after_its_time_to_send(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was stopped between its claim and its call finds that it is too late, and sends nothing."""
    job = one_tool(registered, world, Effect.ONCE)
    claimed = taken(job)
    late = claimed.send_until + 1
    with monkeypatch.context() as stopped:
        stopped.setattr("jobs.engine.gateway.uptime", lambda: late)
        outcome = perform(claimed)
    assert isinstance(outcome, Fail)
    assert (outcome.code, outcome.result, world.called("act")) == ("TOO_LATE_TO_SEND", None, 0)


def test_the_time_to_send_ends_no_later_than_the_lease_however_long_an_answer_was_on_its_way(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock that came with the answer is old by then, and the lease is counted from it."""
    job, read = one_tool(registered, world, Effect.ONCE), JobQuerySet.with_first_nodes

    def late(*args: Any) -> Any:
        rows = list(read(*args))
        time.sleep(0.3)
        return rows

    monkeypatch.setattr(JobQuerySet, "with_first_nodes", late)
    claimed = Activation(job.pk, new_id()).transact("claim", lambda tx: claim(tx, "act"))
    assert claimed is not None
    lease = Node.objects.get(job=job, path="act").lease_expires_at
    assert lease is not None
    left = (lease - Job.objects.now()).total_seconds()
    assert LEASE - 1 < claimed.send_until - uptime() <= left


def test_a_node_whose_code_is_not_here_stays_ready(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = one_tool(registered, world, Effect.READ)
    registered.forget()
    run_node(job.pk, "act")
    assert states(job) == {"act": "ready"}


def test_a_node_planned_by_another_version_stays_ready(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    job = one_tool(registered, world, Effect.READ)
    Job.objects.filter(pk=job.pk).update(code_version="0")
    run_node(job.pk, "act")
    assert states(job) == {"act": "ready"}


def test_two_hundred_doorbells_run_a_node_once(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = one_tool(registered, world, Effect.IDEMPOTENT)
    world.answers["act"] = lambda ctx: threading.Event().wait(0.05)

    def answer() -> None:
        for _ in range(25):
            run_node(job.pk, "act")
        connection.close()

    threads = [threading.Thread(target=answer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert world.called("act") == 1
    assert again(job).state == "completed"


def test_other_arguments_at_the_same_place_stop_the_node(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = one_tool(registered, world, Effect.IDEMPOTENT)
    taken(job)
    clock.advance(LEASE + 1)
    sweep()
    Node.objects.filter(job=job, path="act").update(config='{"arguments":{"value":2},"tool":"act"}')
    doorbells.drain()
    assert world.called("act") == 0
    assert again(job).state == "parked", "the first call may have happened: it is shown, not forgotten"
    entry = Entry.objects.get(job=job)
    assert entry.state == "unknown"
    assert "NONDETERMINISTIC_NODE" in (entry.error or "")


def test_a_result_that_has_no_json_form_is_recorded_all_the_same(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """The effect happened: it must not look as if it had not."""
    job = one_tool(registered, world, Effect.ONCE)
    world.answers["act"] = {"amount": float("nan")}
    run_node(job.pk, "act")
    job = again(job)
    assert job.state == "failed"
    assert "RESULT_NOT_CANONICAL" in str(job.error)
    assert (Entry.objects.get(job=job).state, Entry.objects.get(job=job).result) == ("committed", '{"amount":"nan"}')
