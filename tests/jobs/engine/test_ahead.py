"""An instant node runs while its claim is being stored. Where the claim does not land, that has never been."""

import threading
from collections.abc import Callable
from itertools import pairwise

import pytest

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Function
from aetheris.core.references import ref
from jobs.engine.cancel import cancel
from jobs.engine.run import run_node
from jobs.engine.transaction import job_transaction
from jobs.models import Job, Node
from tests.doors import at_once
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
