"""A graph of more nodes than an activation reads at once costs no more a node than a small one."""

from collections.abc import Callable

import pytest

from aetheris.core.graph import TaskGraph
from jobs.engine import known
from jobs.engine.run import run_node
from tests.statements import statements
from tests.world import Doorbells, Registered, again, function, submitted

pytestmark = pytest.mark.usefixtures("whole")
SIZE = known.MOST_NEW + known.WINDOW


@function
def step(number: int) -> int:
    return number


def chain() -> TaskGraph:
    graph = TaskGraph()
    for number in range(SIZE):
        graph.function(f"n{number}", step, number=number)
        if number:
            graph.edge(f"n{number - 1}", f"n{number}")
    return graph


def fan() -> TaskGraph:
    graph = TaskGraph()
    for number in range(SIZE):
        graph.function(f"n{number}", step, number=number)
    return graph


@pytest.mark.parametrize(("plan", "most"), [(chain, 1.3), (fan, 0.5)])
def test_a_node_of_a_large_graph_costs_one_statement_or_less(
    registered: Registered, doorbells: Doorbells, plan: Callable[[], TaskGraph], most: float
) -> None:
    registered.agent(plan, step)
    job = submitted()
    with statements() as sent:
        run_node(job.pk, "plan")
        doorbells.drain()
    assert again(job).state == "completed"
    assert len(sent) < most * SIZE
