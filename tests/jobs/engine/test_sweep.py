"""The sweep: doorbells that do not multiply, two at once, and leases that outlive an outage of the database."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from aetheris.core.graph import TaskGraph
from jobs.engine import tick
from jobs.engine.claim import claim
from jobs.engine.run import run_node
from jobs.engine.sweep import HANDFUL, sweep
from jobs.engine.transaction import job_transaction
from jobs.models import Job, Node, Tick
from jobs.states import NodeState, NodeType
from tests.conftest import Clock
from tests.doors import at_once
from tests.world import Doorbells, Registered, World, submitted

LEASE = 15.0
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock(clock: Clock) -> Clock:
    """The clock stands still: what is counted here depends on seconds, and a busy machine takes some."""
    clock.stand_still()
    return clock


def one_node(registered: Registered, world: World) -> Job:
    """A job whose node zero is READY, its doorbell rung."""
    registered.agent(lambda: TaskGraph(), world.tool("act"))
    return submitted()


def backlog(job: Job, number: int, queue: str = "default") -> None:
    """So many READY nodes whose doorbells have rung."""
    now = Job.objects.now()
    Node.objects.bulk_create(
        Node(
            job=job,
            path=f"{queue}-{each}",
            tenant=job.tenant,
            position=each + 1,
            type=NodeType.TOOL,
            config="{}",
            queue=queue,
            state=NodeState.READY,
            rung_at=now,
        )
        for each in range(number)
    )


def swept_each_second(clock: Clock, seconds: int) -> None:
    for _ in range(seconds):
        clock.advance(1)
        sweep()


def test_a_backlog_of_ten_thousand_does_not_multiply_messages(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """Nobody claims for five minutes, with a sweep each second: a handful at a time rings again, ever more rarely."""
    job = one_node(registered, world)
    backlog(job, 10_000)
    doorbells.rung.clear()
    per_minute = []
    for _ in range(5):
        swept_each_second(clock, 60)
        per_minute.append(len(doorbells.rung))
        doorbells.rung.clear()
    assert per_minute == [3 * HANDFUL, HANDFUL, HANDFUL, 0, 0], "at 10, 20, 40, 80 and 160 seconds"


def test_a_backlog_that_moves_is_left_alone(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """Workers come for the nodes, if slowly: their doorbells are on their way. One handful a minute finds lost ones."""
    job = one_node(registered, world)
    backlog(job, 1_000)
    doorbells.rung.clear()
    for each in range(180):
        clock.advance(1)
        moment = Job.objects.now()
        Node.objects.filter(job=job, path=f"default-{each}").update(
            state=NodeState.RUNNING,
            lease_token=job.pk,
            lease_expires_at=moment + LEASE * SECOND * 60,
            started_at=moment,
        )
        sweep()
    assert len(doorbells.rung) <= 3 * HANDFUL


def test_each_queue_has_its_own_patience(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = one_node(registered, world)
    for queue in ("default", "heavy", "realtime"):
        backlog(job, 2 * HANDFUL, queue)
    doorbells.rung.clear()
    swept_each_second(clock, 11)
    assert Counter(queue for _, _, queue in doorbells.rung) == {
        "default": HANDFUL,
        "heavy": HANDFUL,
        "realtime": HANDFUL,
    }


def test_a_queue_that_nobody_serves_is_named(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Not at once: a lost doorbell alone is nobody's fault."""
    job = one_node(registered, world)
    run_node(job.pk, "plan")
    backlog(job, 1, "gpu")
    swept_each_second(clock, 12)
    assert caplog.messages == []
    swept_each_second(clock, 48)
    said = "nobody begins what is ready in queue gpu: start a worker for it, or more of them"
    assert caplog.messages == [said, said], "at 20 and 40 seconds"


def test_doorbells_are_patient_again_after_a_queue_has_recovered(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """Long silence makes pauses long; they are short again when the next doorbells are lost, long after."""
    job = one_node(registered, world)
    swept_each_second(clock, 200)
    run_node(job.pk, "plan")
    clock.advance(3600)
    backlog(job, 1)
    doorbells.rung.clear()
    swept_each_second(clock, 60)
    assert [path for _, path, _ in doorbells.rung] == ["default-0"] * 3


def test_retries_that_are_due_are_rung_for_once_each(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = one_node(registered, world)
    backlog(job, 250)
    due = Job.objects.now() + 5 * SECOND
    Node.objects.filter(job=job, path__startswith="default-").update(not_before=due)
    doorbells.rung.clear()
    swept_each_second(clock, 4)
    assert doorbells.rung == []
    swept_each_second(clock, 5)
    assert len(doorbells.rung) == 250
    assert len(set(doorbells.rung)) == 250


def test_a_node_that_was_never_rung_for_is_found(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = one_node(registered, world)
    Node.objects.filter(job=job).update(rung_at=None)
    doorbells.rung.clear()
    assert sweep()["rung"] == 1
    assert doorbells.rung == [(job.pk, "plan", "default")]


def test_sweeps_at_once_ring_once(registered: Registered, world: World, doorbells: Doorbells, clock: Clock) -> None:
    job = one_node(registered, world)
    backlog(job, 20)
    doorbells.rung.clear()
    clock.advance(11)
    at_once(*[sweep] * 8)
    assert len(doorbells.rung) == HANDFUL


def test_a_sweep_soon_after_another_does_nothing(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    assert sweep()
    before = Tick.objects.get().last_at
    assert sweep(rest=SECOND) == {}
    assert Tick.objects.get().last_at == before
    clock.advance(1)
    assert sweep(rest=SECOND)


def test_only_one_tick_can_be_stored(database: None) -> None:
    sweep()
    sweep()
    assert Tick.objects.count() == 1


def running_node(registered: Registered, world: World) -> Job:
    """A job whose node zero is held by a worker that lives."""
    job = one_node(registered, world)
    with job_transaction(job.pk) as tx:
        assert claim(tx, "plan") is not None
    return job


def state_of(job: Job) -> str:
    return Node.objects.get(job=job, path="plan").state


@pytest.mark.parametrize("how", ["the server was started again", "this process did not reach it", "nobody knows"])
def test_after_an_outage_the_living_extend_their_leases_first(
    registered: Registered,
    world: World,
    doorbells: Doorbells,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    job = running_node(registered, world)
    sweep()
    clock.advance(LEASE + 5)
    if how == "the server was started again":
        moment = Job.objects.now() - SECOND
        monkeypatch.setattr(type(Tick.objects.all()), "server_started_at", lambda self: moment)
        monkeypatch.setattr(Tick.objects, "server_started_at", lambda: moment)
    elif how == "this process did not reach it":
        tick.contact.lost()
    else:
        monkeypatch.setattr(tick, "contact", tick.Contact())
    assert sweep()["reclaimed"] == 0
    clock.advance(LEASE - 1)
    assert sweep()["reclaimed"] == 0
    assert state_of(job) == "running"
    clock.advance(2)
    assert sweep()["reclaimed"] == 1, "the quiet lasts one lease"


def test_without_an_outage_a_late_sweep_reclaims_at_once(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """Nobody swept for an hour, but the database was there: whoever lived could extend its lease."""
    job = running_node(registered, world)
    sweep()
    clock.advance(3600)
    assert sweep()["reclaimed"] == 1
    assert state_of(job) == "ready"


def test_contact_is_broken_by_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [100.0]
    monkeypatch.setattr("jobs.engine.tick.uptime", lambda: moments[0])
    contact = tick.Contact()
    began = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    contact.held(began)
    for each in range(1, 10):
        moments[0] += 1
        contact.held(began + each * SECOND)
    assert contact.has_lasted_since(began)
    assert not contact.has_lasted_since(began - SECOND)
    moments[0] += LEASE
    assert not contact.has_lasted_since(began)
    contact.held(began + 30 * SECOND)
    assert not contact.has_lasted_since(began + 20 * SECOND)
