"""Which node is next: its order, and that finding it costs the same whatever the backlog, by the index alone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from aetheris.core.graph import TaskGraph
from jobs.models import Job, Node
from jobs.states import NodeState, NodeType
from tests.conftest import Clock
from tests.world import Doorbells, Registered, submitted

CODE = {("test-agent", "1")}
SECOND = timedelta(seconds=1)
QUEUES = ["realtime", "default"]


@pytest.fixture
def job(registered: Registered, doorbells: Doorbells) -> Job:
    """A job without a READY node of its own; tests give it what they need."""
    registered.agent(TaskGraph)
    made = submitted()
    Node.objects.filter(job=made).delete()
    return made


def ready(job: Job, number: int, name: str, **columns: Any) -> None:
    """So many READY nodes whose doorbells have rung, one after the other."""
    now, first = Job.objects.now(), Node.objects.count()
    usual = {"tenant": job.tenant, "config": "{}", "type": NodeType.TOOL, "state": NodeState.READY, **columns}
    Node.objects.bulk_create(
        Node(
            job=job,
            path=f"{name}-{each}",
            position=first + each,
            rung_at=now + each * timedelta(microseconds=1),
            **usual,
        )
        for each in range(number)
    )


def seen(limit: int, patience: timedelta = SECOND) -> list[str]:
    return [node.path for node in Node.objects.look(QUEUES, CODE, patience, limit).nodes]


def test_queue_then_priority_then_tenants_in_turn_then_the_longest_wait(job: Job, clock: Clock) -> None:
    ready(job, 3, "low", priority=4)
    ready(job, 3, "mine", priority=2)
    ready(job, 2, "theirs", priority=2, tenant="other")
    ready(job, 1, "first", priority=1, tenant="third")
    ready(job, 1, "live", priority=5, queue="realtime")
    ready(job, 1, "elsewhere", priority=1, queue="heavy")
    clock.advance(2)
    expected = ["live-0", "first-0", "mine-0", "theirs-0", "mine-1", "theirs-1", "mine-2", "low-0", "low-1", "low-2"]
    assert seen(20) == expected
    assert seen(4) == expected[:4]


def test_what_is_fresh_and_more_urgent_takes_the_place_of_what_has_waited(job: Job, clock: Clock) -> None:
    """Its doorbell has a second to be answered, but nothing less urgent may be begun meanwhile."""
    ready(job, 5, "low", priority=5)
    clock.advance(2)
    ready(job, 1, "high", priority=1)
    assert seen(1) == ["high-0"]
    assert seen(3) == ["high-0", "low-0", "low-1"]


def test_what_is_fresh_is_left_to_its_doorbell_when_nothing_has_waited(job: Job, clock: Clock) -> None:
    ready(job, 1, "low", priority=5)
    clock.advance(2)
    ready(job, 3, "high", priority=1)
    assert len(seen(10)) == 1, "one has waited, so one is looked after"
    Node.objects.filter(path="low-0").delete()
    assert seen(10) == []


def test_a_high_node_is_outranked_by_none(job: Job, clock: Clock) -> None:
    ready(job, 2, "usual", priority=3)
    assert [Node.objects.is_outranked("default", each, CODE) for each in range(1, 6)] == [False] * 3 + [True] * 2
    assert not Node.objects.is_outranked("realtime", 5, CODE)


@pytest.mark.parametrize("hindrance", ["not due", "no code", "the job is full"])
def test_what_cannot_be_begun_outranks_nothing(job: Job, clock: Clock, hindrance: str) -> None:
    ready(job, 1, "high", priority=1)
    if hindrance == "not due":
        Node.objects.update(not_before=Job.objects.now() + 60 * SECOND)
    elif hindrance == "the job is full":
        Job.objects.update(max_parallel=1, nodes_running=1)
    code = set() if hindrance == "no code" else CODE
    assert not Node.objects.is_outranked("default", 5, code)


def test_lost_doorbells_of_all_priorities_ring_again_in_turn(job: Job, clock: Clock) -> None:
    ready(job, 500, "low", priority=5)
    clock.advance(1)
    ready(job, 4, "high", priority=1)
    clock.advance(20)
    found = Node.objects.lost(10 * SECOND, 5)["default"]
    assert sorted(node.path for node in found) == ["high-0", "high-1", "high-2", "low-0", "low-1"]


def test_nodes_that_never_rang_are_rung_for_by_priority(job: Job, clock: Clock) -> None:
    ready(job, 20, "low", priority=4)
    ready(job, 2, "high", priority=2)
    Node.objects.update(rung_at=None)
    assert {node.path for node in Node.objects.never_rung(Job.objects.now(), 2)} == {"high-0", "high-1"}


def plans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", []):
        yield from plans(each)


class Explaining:
    """What the database does with the node table for the first statement."""

    def __init__(self) -> None:
        self.scans: list[dict[str, Any]] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not self.scans and not sql.startswith("EXPLAIN"):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
                told = cursor.fetchone()[0]
            self.scans = [each for each in plans(told[0]["Plan"]) if each.get("Relation Name") == "jobs_node"]
        return execute(sql, params, many, context)


def explained(limit: int) -> list[dict[str, Any]]:
    """The scans of the node table for one look."""
    with connection.execute_wrapper(explaining := Explaining()):
        assert len(seen(limit)) == limit
    return explaining.scans


def analyse() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobs_node")


def touched(scans: list[dict[str, Any]]) -> float:
    """How many rows of the node table were read."""
    return float(sum((n["Actual Rows"] + n.get("Rows Removed by Filter", 0)) * n["Actual Loops"] for n in scans))


def test_a_look_reads_a_few_rows_by_the_index_whatever_the_backlog(job: Job, clock: Clock) -> None:
    """Also while the database's statistics are from a time when nothing was READY."""
    lines: list[dict[str, Any]] = [{}, {"tenant": "other"}, {"priority": 5}, {"queue": "heavy", "priority": 1}]
    costs = []
    over = {"state": NodeState.COMPLETED, "ending": "success", "finished_at": Job.objects.now()}
    ready(job, 2_000, "over", **over)
    analyse()
    for size in (100, 2_400, 0):
        for place, columns in enumerate(lines):
            ready(job, size, f"of-{size}-{place}", **columns)
        if size == 0:
            analyse()
        clock.advance(2)
        scans = explained(4)
        assert {scan["Index Name"] for scan in scans} == {"node_ready"}
        assert {scan["Node Type"] for scan in scans} <= {"Index Scan", "Index Only Scan"}
        costs.append(touched(scans))
    assert costs == [costs[0]] * 3
    assert costs[0] < 30


def test_the_next_node_of_a_job_is_found_by_its_index(job: Job, clock: Clock) -> None:
    ready(job, 2_000, "node")
    analyse()
    now = Job.objects.now()
    with connection.execute_wrapper(explaining := Explaining()):
        assert Node.objects.due_of_job(job.pk, "default", now).first() is not None
    assert [(scan["Index Name"], scan["Actual Rows"]) for scan in explaining.scans] == [("node_ready_of_job", 1)]


def test_a_job_that_gets_on_by_itself_is_left_alone(job: Job, clock: Clock) -> None:
    """Others would only make whoever works on it start over. Once it stands still, or a node has waited for long, they
    are of use."""
    ready(job, 1, "branch")
    clock.advance(2)
    Job.objects.update(nodes_running=1, updated_at=Job.objects.now() + SECOND)
    assert seen(1) == []
    clock.advance(2)
    assert seen(1) == ["branch-0"]
    clock.advance(2)
    Job.objects.update(updated_at=Job.objects.now() + SECOND)
    assert seen(1) == ["branch-0"]
