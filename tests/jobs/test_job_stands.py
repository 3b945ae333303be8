"""How a job may stand, as the database sees it: every combination, against what `jobs.states` says."""

import itertools
from typing import Any

import pytest
from django.db import connection

from aetheris.core.priority import FIRST, LAST
from jobs.states import JOB_ENDINGS

pytestmark = pytest.mark.django_db
COUNTS = (
    *("depth", "seq", "nodes_open", "nodes_ready", "nodes_delayed", "nodes_running", "nodes_waiting", "nodes_parked"),
    *("conflicts", "max_parallel"),
)
STANDS = f"""
    SELECT aetheris_job_stands(
        ending => %(ending)s, outcome => %(outcome)s, finished_at => CASE WHEN %(has_ended)s THEN now() END,
        priority => %(priority)s::smallint, depth => %(depth)s::smallint,
        {", ".join(f"{name} => %({name})s::integer" for name in COUNTS if name != "depth")})
"""


def stands(**columns: Any) -> bool:
    usual: dict[str, Any] = {
        "ending": "",
        "outcome": "",
        "has_ended": False,
        "priority": FIRST,
        **dict.fromkeys(COUNTS, 0),
    }
    with connection.cursor() as cursor:
        cursor.execute(STANDS, usual | columns)
        (told,) = cursor.fetchone() or (False,)
    return bool(told)


@pytest.mark.parametrize("ending", ["", *map(str, JOB_ENDINGS), "running", "else"])
def test_every_way_a_job_could_have_ended(ending: str) -> None:
    for outcome, has_ended, nodes_open in itertools.product(["", "as_planned"], [False, True], [0, 1]):
        if ending:
            expected = ending in JOB_ENDINGS and bool(outcome) and has_ended and not nodes_open
        else:
            expected = not outcome and not has_ended
        told = stands(ending=ending, outcome=outcome, has_ended=has_ended, nodes_open=nodes_open)
        assert told == expected, (ending, outcome, has_ended, nodes_open)


@pytest.mark.parametrize("name", COUNTS)
def test_no_number_of_a_job_is_below_zero(name: str) -> None:
    assert (stands(**{name: -1}), stands(**{name: 1})) == (False, True)


def test_a_job_may_have_no_bound_of_nodes_at_once() -> None:
    assert stands(max_parallel=None)


@pytest.mark.parametrize("priority", range(FIRST - 1, LAST + 2))
def test_a_jobs_priority_is_one_of_five(priority: int) -> None:
    assert stands(priority=priority) == (FIRST <= priority <= LAST)
