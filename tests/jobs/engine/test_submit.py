"""Submit: one statement makes a job, whatever this process remembers or believes the time to be."""

from datetime import timedelta

import pytest
from django.db import transaction

from aetheris.core.graph import TaskGraph
from aetheris.testing.querysets import empty
from jobs.engine.submit import submit
from jobs.models import Agent, Job, Node
from tests.conftest import Clock
from tests.statements import statements
from tests.world import REQUESTER, Doorbells, PlanningAgent, Registered, again, submitted

pytestmark = pytest.mark.usefixtures("doorbells")


@pytest.fixture(autouse=True)
def agent(registered: Registered) -> PlanningAgent:
    return registered.agent(TaskGraph)


def test_a_submission_is_one_statement() -> None:
    submitted()
    with statements() as sent:
        submit("test-agent", "do it", tenant="default", requested_by=REQUESTER, idempotency_key="mine")
    assert len(sent) == 1


def test_a_key_that_was_used_costs_one_more() -> None:
    job = submitted(idempotency_key="mine")
    with statements() as sent:
        made = submit("test-agent", "do it", tenant="default", requested_by=REQUESTER, idempotency_key="mine")
    assert (made.job_id, made.repeated, len(sent)) == (job.pk, True, 2)
    assert Job.objects.count() == 1


def test_an_agent_that_is_not_there_any_more_is_made_again(doorbells: Doorbells) -> None:
    """As in a database that another one was restored over."""
    gone = submitted().agent_id
    empty()
    doorbells.rung.clear()
    job = submitted()
    assert job.agent_id == Agent.objects.get(name="test-agent").pk != gone
    assert (job.nodes_open, job.nodes_ready, job.seq) == (1, 1, 1)
    assert [bell[0] for bell in doorbells.rung] == [job.pk]


def test_an_agent_made_in_a_transaction_that_was_taken_back_is_made_again() -> None:
    with transaction.atomic():
        submitted()
        transaction.set_rollback(True)
    assert not Agent.objects.exists()
    with transaction.atomic():
        job = submitted()
    assert again(job).agent.name == "test-agent"


def test_a_job_begins_by_the_databases_clock(agent: PlanningAgent, clock: Clock) -> None:
    """The clock of the process that submits is two days behind it."""
    agent.deadline = "1h"
    clock.advance("2d")
    asked = Job.objects.now()
    job = submitted()
    begun = job.created_at
    assert asked <= begun <= job.updated_at <= Job.objects.now()
    assert job.deadline_at == begun + timedelta(hours=1)
    assert Node.objects.get(job=job).rung_at == begun


def test_a_job_without_a_deadline_has_none() -> None:
    assert submitted().deadline_at is None
