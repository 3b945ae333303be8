"""An instant node runs while its claim is being stored. Where the claim does not land, that has never been."""

import threading
from collections.abc import Callable
from itertools import pairwise

import pytest
from django.db import connection

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Function
from aetheris.core.references import ref
from jobs.engine import pace
from jobs.engine.cancel import cancel
from jobs.engine.run import run_node
from jobs.engine.transaction import job_transaction
from jobs.models import Job, Node
from tests.doors import at_once, within_a_while
from tests.statements import statements
from tests.world import Doorbells, Registered, again, event_types, function, states, submitted

pytestmark = [pytest.mark.usefixtures("unknown_pace"), pytest.mark.usefixtures("whole")]
PATIENCE = 20.0
LONG = 2000


class Steps:
    """Four functions, one after the other, of which the second calls `hold`; which of them have run."""

    def __init__(self) -> None:
        self.ran: list[int] = []
        self.third_has_run = threading.Event()
        self.hold: Callable[[], object] = lambda: None

    def plan(self) -> TaskGraph:
        graph = TaskGraph()
        keys = [graph.function(f"n{number}", self.step, number=number) for number in range(4)]
        for before, after in pairwise(keys):
            graph.edge(before, after)
        return graph

    @property
    def step(self) -> Function:
        @function
        def step(number: int) -> int:
            self.ran.append(number)
            if number == 1:
                self.hold()
            if number == 2:
                self.third_has_run.set()
            return number

        return step


@pytest.fixture
def steps(registered: Registered, doorbells: Doorbells) -> Steps:
    """A job of them has run in this process, so that they are known to be instant."""
    steps = Steps()
    registered.agent(steps.plan, steps.step)
    submitted()
    doorbells.drain()
    steps.ran.clear()
    steps.third_has_run.clear()
    return steps


def run_while_held(job: Job, steps: Steps, then: Callable[[], object]) -> bool:
    """Somebody has the job's lock from the second step on, so that its commit and the claim of the third cannot land,
    until the third has run. Whether it has."""
    held = threading.Event()
    found: list[bool] = []

    def hold() -> None:
        with job_transaction(job.pk):
            held.set()
            found.append(steps.third_has_run.wait(PATIENCE))
            then()

    def begin() -> None:
        holder.start()
        assert held.wait(PATIENCE)

    holder = threading.Thread(target=at_once, args=[hold])
    steps.hold = begin
    run_node(job.pk, "plan")
    holder.join()
    return found == [True]


def test_the_next_step_runs_while_its_claim_is_being_stored(steps: Steps) -> None:
    job = submitted()
    assert run_while_held(job, steps, lambda: None)
    assert again(job).state == "completed"
    assert steps.ran == [0, 1, 2, 3]
    assert event_types(job).count("node_finished") == 4


def test_where_its_claim_does_not_land_it_has_never_been(steps: Steps) -> None:
    """What the second has ended in is recorded, as it is where a job is cancelled while a node runs."""
    job = submitted()
    assert run_while_held(job, steps, lambda: cancel(job.pk, actor="user:2/approver"))
    assert again(job).state == "cancelled"
    assert steps.ran == [0, 1, 2]
    assert states(job) | {"plan": ""} == {"plan": "", "n0": "completed", "n1": "completed"} | dict.fromkeys(
        ("n2", "n3"), "cancelled"
    )
    assert Node.objects.get(job=job, path="n2").started_at is None


def test_what_would_have_to_be_read_waits_for_the_answer(registered: Registered, doorbells: Doorbells) -> None:
    """A long output stands apart: each step asks for that of the one before it, and runs once all the same."""
    ran: list[str] = []

    @function
    def longer(text: str) -> str:
        ran.append(text[:1])
        return chr(ord(text[0]) + 1) * LONG

    def plan() -> TaskGraph:
        graph = TaskGraph()
        before = graph.function("n0", longer, text="a" * LONG)
        for number in range(1, 6):
            following = graph.function(f"n{number}", longer, text=ref(before))
            graph.edge(before, following)
            before = following
        return graph

    registered.agent(plan, longer)
    for _ in range(2):
        job = submitted()
        doorbells.drain()
    assert again(job).state == "completed"
    assert "".join(ran) == 2 * "abcdef"


def test_a_step_is_one_statement(steps: Steps) -> None:
    job = submitted()
    with statements() as sent:
        run_node(job.pk, "plan")
    assert again(job).state == "completed"
    assert sum("aetheris_write(" in statement for statement in sent) == 6


def test_where_the_answer_is_lost_what_was_begun_is_done_again_or_found(steps: Steps) -> None:
    """The server ends the connection while the second step's commit is being stored: before it, because somebody else
    has the job's lock."""
    job = submitted()

    def hang_up() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%aetheris_write(%'"
                " AND state = 'active'"
            )

    assert run_while_held(job, steps, hang_up)
    assert again(job).state == "completed"
    assert event_types(job).count("node_finished") == 4
    assert steps.ran == [0, 1, 2, 2, 3]


def test_others_are_called_where_it_has_become_slow(
    registered: Registered, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Branches that were quick: one of them is run while it is being claimed, and waits until somebody is called."""
    slow: list[bool] = []

    @function
    def branch(number: int) -> bool:
        return not slow or number > 0 or within_a_while(lambda: bool(doorbells.rung))

    def plan() -> TaskGraph:
        graph = TaskGraph()
        for number in range(3):
            graph.function(f"n{number}", branch, number=number)
        return graph

    registered.agent(plan, branch)
    submitted()
    doorbells.drain()
    monkeypatch.setattr(pace, "together", lambda name: 1)
    job = submitted()
    doorbells.rung.clear()
    slow.append(True)
    run_node(job.pk, "plan")
    doorbells.drain()
    assert again(job).result == '{"n0":true,"n1":true,"n2":true}'
