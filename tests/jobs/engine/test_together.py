"""Instant nodes of several jobs go side by side; what becomes of one job is nothing to the others."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection

from aetheris.core.graph import TaskGraph
from aetheris.core.ids import new_id
from jobs.engine import pace
from jobs.engine.cancel import cancel
from jobs.engine.run import run_side_by_side
from jobs.engine.signal import signal
from jobs.engine.transaction import job_transaction
from jobs.models import Job
from ledger.models import Event
from signals_app.models import Approval, Wait
from tests.doors import at_once, within_a_while
from tests.statements import before, statements
from tests.world import APPROVER, Doorbells, Registered, again, event_types, function, states, submitted

STEPS = "aetheris_write_steps"
COUNT = 5
EVENTS = {"node_started": 3, "plan_generated": 1, "node_finished": 2}
pytestmark = pytest.mark.usefixtures("unknown_pace")


@pytest.fixture
def jobs(registered: Registered, doorbells: Doorbells) -> list[Job]:
    """Jobs of two functions each, one after the other. One like them has run."""

    @function
    def first() -> int:
        return 1

    @function
    def second() -> int:
        return 2

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.function("first", first)
        graph.function("second", second)
        graph.edge("first", "second")
        return graph

    registered.agent(plan, first, second)
    submitted()
    doorbells.drain()
    return [submitted() for _ in range(COUNT)]


def run(jobs: list[Job]) -> list[bool]:
    return run_side_by_side([(job.pk, "plan") for job in jobs], new_id())


def all_are_completed(jobs: list[Job]) -> bool:
    return {again(job).state for job in jobs} == {"completed"} and all(
        event_types(job).count(type) == count for job in jobs for type, count in EVENTS.items()
    )


@pytest.mark.usefixtures("whole")
def test_the_steps_of_several_jobs_are_one_statement_and_one_commit(jobs: list[Job], doorbells: Doorbells) -> None:
    """Their claims, their graphs, the commits of what is first and second."""
    doorbells.rung.clear()
    with statements() as sent:
        assert run(jobs) == COUNT * [True]
    assert all_are_completed(jobs)
    assert sum(STEPS in statement for statement in sent) == 4
    assert not any("aetheris_write(" in statement for statement in sent)
    assert doorbells.rung == []


@pytest.mark.usefixtures("whole")
def test_one_that_was_overtaken_costs_no_other(jobs: list[Job]) -> None:
    with before(STEPS, lambda: at_once(lambda: cancel(jobs[1].pk, actor="user:2/approver"))):
        assert run(jobs) == [True, False, True, True, True]
    assert again(jobs[1]).state == "cancelled"
    assert all_are_completed([job for job in jobs if job != jobs[1]])


@pytest.mark.usefixtures("whole")
def test_for_a_job_that_somebody_holds_no_other_waits(jobs: list[Job]) -> None:
    """It is held until the next one has begun."""
    held = threading.Event()
    began: list[bool] = []

    def hold() -> None:
        with job_transaction(jobs[0].pk):
            held.set()
            began.append(within_a_while(lambda: "node_started" in event_types(jobs[1])))

    def begin() -> None:
        threads.append(threading.Thread(target=at_once, args=[hold]))
        threads[0].start()
        assert held.wait(20)

    threads: list[threading.Thread] = []
    with before(STEPS, begin):
        run(jobs)
    threads[0].join()
    assert began == [True]
    assert all_are_completed(jobs)


def test_where_the_rows_refuse_one_the_others_are_written(jobs: list[Job]) -> None:
    """Somebody has written an event of it past its row."""
    with before(STEPS, lambda: at_once(lambda: forge_event(jobs[2].pk))):
        assert run(jobs) == [True, True, False, True, True]
    assert all_are_completed([job for job in jobs if job != jobs[2]])
    assert again(jobs[2]).state == "pending"


def forge_event(job_id: UUID) -> None:
    last = Event.objects.filter(job_id=job_id).latest("seq")
    last.seq += 1
    last.save(force_insert=True)


@pytest.mark.usefixtures("whole")
def test_a_connection_that_is_lost_before_anything_has_landed(jobs: list[Job]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    with before(STEPS, lambda: at_once(lambda: end_session(pid))):
        assert run(jobs) == COUNT * [True]
    assert all_are_completed(jobs)


def end_session(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("lost", [1, 2], ids=["claims", "commits"])
def test_an_answer_that_is_lost_is_looked_up_for_each(jobs: list[Job], lost: int) -> None:
    """All had landed: nothing is claimed or committed twice."""
    sent = count(1)

    def lose(execute: Any, statement: str, *call: Any) -> Any:
        answer = execute(statement, *call)
        if STEPS in statement and next(sent) == lost:
            raise OperationalError("the answer is lost")
        return answer

    with connection.execute_wrapper(lose):
        assert run(jobs) == COUNT * [True]
    assert next(sent) > lost
    assert all_are_completed(jobs)


@pytest.mark.usefixtures("whole")
def test_what_is_not_known_to_be_instant_is_left_to_others(jobs: list[Job], doorbells: Doorbells) -> None:
    doorbells.rung.clear()
    pace.note("function second", 5.0)
    assert run(jobs) == COUNT * [True]
    assert [states(job) for job in jobs] == COUNT * [{"first": "completed", "second": "ready"}]
    assert sorted(doorbells.rung) == sorted((job.pk, "second", "default") for job in jobs)
    doorbells.drain()
    assert all_are_completed(jobs)


@pytest.mark.usefixtures("whole")
def test_the_same_job_twice_is_run_once(jobs: list[Job]) -> None:
    assert run([jobs[0], jobs[0], jobs[1]]).count(True) == 2
    assert all_are_completed(jobs[:2])


def waiting(registered: Registered, doorbells: Doorbells, kind: str) -> list[Job]:
    """Jobs that compute, wait and compute. One like them has been answered."""

    @function
    def first() -> int:
        return 1

    @function
    def after() -> int:
        return 2

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.function("first", first)
        graph.wait("ask", kind=kind, correlation_key="ask-1")
        graph.function("after", after)
        graph.edge("first", "ask")
        graph.edge("ask", "after")
        return graph

    registered.agent(plan, first, after)
    job = submitted()
    doorbells.drain()
    answer(job)
    doorbells.drain()
    return [submitted() for _ in range(COUNT)]


def answer(job: Job) -> str:
    return signal(job.pk, "ask-1", {"approved": True}, APPROVER)


def are_waiting(jobs: list[Job]) -> bool:
    return all(
        again(job).state == "parked"
        and event_types(job).count("job_waiting") == 1
        and Wait.objects.get(job=job).state == "open"
        for job in jobs
    )


@contextmanager
def before_the(nth: int, act: Callable[[], object]) -> Iterator[None]:
    """Somebody else acts just before the body sends so many steps."""
    numbers = count(1)

    def let_in(execute: Any, statement: str, *call: Any) -> Any:
        if STEPS in statement and next(numbers) == nth:
            at_once(act)
        return execute(statement, *call)

    with connection.execute_wrapper(let_in):
        yield
    assert next(numbers) > nth


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("kind", ["signal", "human"])
def test_the_waits_of_several_jobs_are_declared_and_opened_by_the_statements_of_their_steps(
    registered: Registered, doorbells: Doorbells, kind: str
) -> None:
    """What they wait for is known once the plan is; it is asked when the first function has ended."""
    jobs = waiting(registered, doorbells, kind)
    with statements() as sent:
        assert run(jobs) == COUNT * [True]
    assert are_waiting(jobs)
    assert sum(STEPS in statement for statement in sent) == 3
    assert not any("aetheris_write(" in statement for statement in sent)
    assert Approval.objects.filter(state="pending").count() == (COUNT if kind == "human" else 0)
    assert {answer(job) for job in jobs} == {"applied"}
    doorbells.drain()
    assert {again(job).state for job in jobs} == {"completed"}


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("kind", ["signal", "human"])
def test_an_early_answer_costs_no_other_job_its_wait(registered: Registered, doorbells: Doorbells, kind: str) -> None:
    """It comes when all waits are about to open, and leaves no event by which its job could be seen to have changed."""
    jobs = waiting(registered, doorbells, kind)
    said: list[str] = []
    with before_the(3, lambda: said.append(answer(jobs[1]))):
        assert run(jobs) == COUNT * [True]
    doorbells.drain()
    assert said == ["kept"]
    assert (again(jobs[1]).state, event_types(jobs[1]).count("wait_completed")) == ("completed", 1)
    assert are_waiting([job for job in jobs if job != jobs[1]])


@pytest.mark.usefixtures("whole")
def test_one_that_was_overtaken_opens_no_wait(registered: Registered, doorbells: Doorbells) -> None:
    jobs = waiting(registered, doorbells, "human")
    with before_the(3, lambda: cancel(jobs[1].pk, actor="user:2/approver")):
        assert run(jobs) == COUNT * [True]
    assert (again(jobs[1]).state, Wait.objects.get(job=jobs[1]).state) == ("cancelled", "cancelled")
    assert not Approval.objects.filter(job=jobs[1]).exists()
    assert are_waiting([job for job in jobs if job != jobs[1]])


@pytest.mark.usefixtures("whole")
def test_an_answer_that_is_lost_opens_no_wait_twice(registered: Registered, doorbells: Doorbells) -> None:
    jobs = waiting(registered, doorbells, "human")
    sent = count(1)

    def lose(execute: Any, statement: str, *call: Any) -> Any:
        said = execute(statement, *call)
        if STEPS in statement and next(sent) == 3:
            raise OperationalError("the answer is lost")
        return said

    with connection.execute_wrapper(lose):
        assert run(jobs) == COUNT * [True]
    assert are_waiting(jobs)
    assert Approval.objects.filter(state="pending").count() == COUNT
