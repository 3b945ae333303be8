"""Submit all: one statement makes many jobs, all of them or none."""

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from aetheris.core.errors import NotCanonical, Refused, UnknownName
from aetheris.core.graph import TaskGraph
from aetheris.testing.querysets import empty
from jobs.engine.submit import NewJob, Submitted, submit_all
from jobs.models import Agent, Job, Node, Submission
from ledger.models import Event
from ledger.proof import broken_at
from tests.doors import at_once
from tests.statements import statements
from tests.world import REQUESTER, Doorbells, PlanningAgent, Registered, submitted


@pytest.fixture(autouse=True)
def agent(registered: Registered, doorbells: Doorbells) -> PlanningAgent:
    return registered.agent(TaskGraph)


def send(*new: NewJob, agent: str = "test-agent") -> list[Submitted]:
    return submit_all(agent, new, tenant="default", requested_by=REQUESTER)


def keyed(*keys: str) -> list[NewJob]:
    return [NewJob(f"refund {key}", key) for key in keys]


def test_many_jobs_are_one_statement() -> None:
    submitted()
    with statements() as sent:
        send(*keyed(*(f"order-{number}" for number in range(50))))
    assert len(sent) == 1


def test_they_come_in_the_order_in_which_they_were_sent() -> None:
    new = [NewJob("third", "c"), NewJob("first", "a", 1), NewJob("without a key"), NewJob("second", "b")]
    made = [Job.objects.get(pk=each.job_id) for each in send(*new)]
    assert [(job.goal, job.priority) for job in made] == [
        ("third", 3),
        ("first", 1),
        ("without a key", 3),
        ("second", 3),
    ]


def test_each_is_a_job_as_if_it_were_sent_alone(agent: PlanningAgent) -> None:
    agent.deadline = "1h"
    alone = submitted("do it")
    for made in send(NewJob("do it"), NewJob("do it")):
        job = Job.objects.get(pk=made.job_id)
        same = {"id", "root_id", "head", "created_at", "updated_at", "deadline_at"}
        assert {name: value for name, value in vars(job).items() if name not in same | {"_state"}} == {
            name: value for name, value in vars(alone).items() if name not in same | {"_state"}
        }
        assert job.deadline_at == job.created_at + timedelta(hours=1)
        assert Node.objects.get(job=job).rung_at == job.created_at
        assert Event.objects.get(job_id=job.pk).payload == Event.objects.get(job_id=alone.pk).payload


def test_each_has_a_doorbell(doorbells: Doorbells) -> None:
    made = send(NewJob("one"), NewJob("two"))
    assert {bell[0] for bell in doorbells.rung} == {each.job_id for each in made}


def test_a_key_that_was_used_gives_the_job_that_it_made() -> None:
    first = submitted("refund a", idempotency_key="a")
    made = send(*keyed("b", "a"))
    assert [(each.job_id == first.pk, each.repeated) for each in made] == [(False, False), (True, True)]
    assert Job.objects.count() == 2


def test_a_key_that_comes_twice_makes_one_job() -> None:
    one, same = send(*keyed("a", "a"))
    assert (one.job_id, same.repeated) == (same.job_id, True)
    assert (Job.objects.count(), Submission.objects.count(), Node.objects.count()) == (1, 1, 1)


def test_sent_again_they_are_the_same_jobs() -> None:
    new = keyed("b", "c", "a")
    assert [each.job_id for each in send(*new)] == [each.job_id for each in send(*new)]


@pytest.mark.parametrize(
    ("bad", "refusal"),
    [
        (NewJob("another message", "used"), Refused),
        (NewJob("\ud800"), NotCanonical),
        (NewJob("do it", priority=9), Refused),
    ],
)
def test_one_that_is_refused_leaves_none(bad: NewJob, refusal: type[Exception], doorbells: Doorbells) -> None:
    submitted("refund used", idempotency_key="used")
    doorbells.rung.clear()
    with pytest.raises(refusal):
        send(NewJob("before"), bad, NewJob("behind"))
    assert (Job.objects.count(), Submission.objects.count(), doorbells.rung) == (1, 1, [])


def test_a_key_with_two_messages_is_refused_before_anything_is_stored() -> None:
    with pytest.raises(Refused) as refused:
        send(NewJob("one", "a"), NewJob("other", "a"))
    assert (refused.value.code, refused.value.details) == ("IDEMPOTENCY_KEY_REUSED", {})
    assert not Job.objects.exists()


def test_none_is_left_where_the_caller_goes_on_with_its_transaction(doorbells: Doorbells) -> None:
    submitted("refund used", idempotency_key="used")
    doorbells.rung.clear()
    with transaction.atomic():
        with pytest.raises(Refused):
            send(NewJob("before"), NewJob("another message", "used"))
        (kept,) = send(NewJob("behind"))
    assert {job.goal for job in Job.objects.all()} == {"refund used", "behind"}
    assert [bell[0] for bell in doorbells.rung] == [kept.job_id]


def test_no_jobs_are_no_statement() -> None:
    with statements() as sent:
        assert send() == []
    assert sent == []


def test_an_agent_that_there_is_not_has_none() -> None:
    with pytest.raises(UnknownName):
        send(NewJob("do it"), agent="nobody")


def test_an_agent_whose_row_is_gone_is_made_again() -> None:
    submitted()
    empty()
    made = send(NewJob("one"), NewJob("two"))
    assert {each.agent_id for each in made} == {Agent.objects.get(name="test-agent").pk}
    assert Job.objects.count() == 2


def test_the_same_keys_in_another_order_at_once_do_not_wait_in_a_circle() -> None:
    keys = [f"order-{number}" for number in range(40)]
    calls: list[Any] = [partial(send, *keyed(*order)) for order in (keys, keys[::-1]) * 3]
    ids = [Counter(each.job_id for each in made) for made in at_once(*calls)]
    assert all(each == ids[0] for each in ids)
    assert Job.objects.count() == len(keys)


def test_their_histories_can_be_proved() -> None:
    for made in send(NewJob("one"), NewJob("two")):
        head = bytes(Job.objects.get(pk=made.job_id).head)
        assert broken_at(Event.objects.stream(made.job_id), head) is None
