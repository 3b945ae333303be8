"""/metrics: what Prometheus reads is what the rows and events say, each event once, for a bounded price."""

import time
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from aetheris.core.errors import ToolError
from aetheris.models import ApiKey, Counted, Tally
from jobs.api import metrics
from jobs.engine.sweep import sweep
from ledger.models import Event
from tests.conftest import Clock
from tests.doors import DECIDER, OPERATOR, REQUESTER, VIEWER, asking, at_once, door, finishing, parked, person
from tests.world import Doorbells, Registered, World, in_turn, submitted

Samples = dict[tuple[str, ...], float]


@pytest.fixture
def prometheus(registered: Registered, world: World, doorbells: Doorbells) -> APIClient:
    """Somebody who may read them, and has once: counting has begun. There is an agent `quick`."""
    finishing(registered, world, "quick")
    client = door("operator", *OPERATOR).client
    assert client.get("/metrics").status_code == 200
    return client


def scraped(client: APIClient) -> Samples:
    """Name, without the prefix, and values of the labels but the tenant's, in the order of their names → value."""
    while Event.objects.is_ahead("default", Event.objects.horizon()):
        time.sleep(0.01)
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    families = text_string_to_metric_families(response.content.decode())
    samples = [sample for family in families for sample in family.samples]
    assert all(sample.name.startswith("aetheris_") for sample in samples)
    assert {sample.labels.pop("tenant", "default") for sample in samples} == {"default"}
    return {
        (sample.name.removeprefix("aetheris_"), *(value for _, value in sorted(sample.labels.items()))): sample.value
        for sample in samples
    }


def test_they_are_for_whoever_may_see_the_system(database: None) -> None:
    assert APIClient().get("/metrics").status_code == 401
    assert door("nobody", *REQUESTER, *DECIDER, *VIEWER).client.get("/metrics").status_code == 403


def test_a_key_with_that_scope_alone_is_enough(database: None) -> None:
    user = person("operator", *OPERATOR)
    for scope, status in (("system:view", 200), ("agent:manage", 403)):
        _, token = ApiKey.objects.make(user, scope, [scope], timedelta(days=1))
        client = APIClient(headers={"Authorization": f"Bearer {token}"})
        assert client.get("/metrics").status_code == status


def test_what_happened_is_counted_once(prometheus: APIClient, doorbells: Doorbells) -> None:
    for _ in range(3):
        submitted(agent="quick")
    doorbells.drain()
    for _ in range(2):
        found = scraped(prometheus)
        assert found["jobs_total",] == 3
        assert found["job_total", "quick", "completed"] == 3
        assert found["tool_invocation_total", "success", "look-quick"] == 3
        assert found["job_duration_seconds_count", "quick", "completed"] == 3
        assert found["tool_duration_seconds_count", "success", "look-quick"] == 3
        assert found["step_duration_seconds_count", "ok"] == 3
        assert ("job_fail_total", "quick") not in found


def test_what_was_timed_is_sorted_by_how_long_it_took(
    prometheus: APIClient, registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    asking(registered, world)
    job_id = parked(door("requester", *REQUESTER), doorbells)
    clock.advance(100)
    door("approver", *REQUESTER, *DECIDER).signal(job_id, "ask-1", {"approved": True})
    doorbells.drain()
    found = scraped(prometheus)
    assert 100 <= found["job_parked_duration_seconds_sum",] < 110
    steps = [found["job_parked_duration_seconds_bucket", limit] for limit in ("60.0", "300.0", "+Inf")]
    assert steps == [0, 1, 1]


def test_what_stands_is_looked_at(
    prometheus: APIClient, registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    asking(registered, world)
    parked(door("requester", *REQUESTER), doorbells)
    submitted(agent="quick")
    clock.advance(3600 + 60)
    submitted(agent="quick")
    found = scraped(prometheus)
    assert (found["job_state", "parked"], found["job_state", "pending"], found["job_state", "running"]) == (1, 2, 0)
    assert (found["queue_backlog", "default"], found["worker_busy", "default"]) == (2, 0)
    assert found["stuck_job_count",] == 1
    assert (found["open_questions", "approval"], found["open_questions", "resolution"]) == (1, 0)
    assert 3660 <= found["oldest_question_seconds", "approval"] < 3700
    assert found["broker_up",] == 1
    assert found["sweep_age_seconds",] == float("inf")
    sweep(rest=timedelta(0))
    assert scraped(prometheus)["sweep_age_seconds",] < 10


def test_what_was_there_before_is_no_news(prometheus: APIClient) -> None:
    """A counter that begins with a hundred thousand would look like a hundred thousand jobs in fifteen seconds."""
    Counted.objects.all().delete()
    submitted(agent="quick")
    assert scraped(prometheus)["jobs_total",] == 0
    submitted(agent="quick")
    assert scraped(prometheus)["jobs_total",] == 1


def test_a_long_absence_is_counted_in_slices(prometheus: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted(agent="quick")
    assert scraped(prometheus)["jobs_total",] == 1
    for _ in range(9):
        submitted(agent="quick")
    monkeypatch.setattr(metrics, "SLICE", 2)
    monkeypatch.setattr(metrics, "COUNTING_SECONDS", -1.0)
    assert scraped(prometheus)["jobs_total",] == 1
    monkeypatch.setattr(metrics, "COUNTING_SECONDS", 30.0)
    assert scraped(prometheus)["jobs_total",] == 10


def test_two_who_ask_at_once_count_nothing_twice(prometheus: APIClient) -> None:
    for _ in range(20):
        submitted(agent="quick")
    at_once(*[lambda: metrics.count_events(["default"])] * 4)
    assert scraped(prometheus)["jobs_total",] == 20
    assert Tally.objects.filter(event="job_created").count() == 1


def test_nothing_that_users_write_becomes_a_label(prometheus: APIClient, world: World, doorbells: Doorbells) -> None:
    said = {"outcome": "mine", "state": "mine", "tool_name": "mine"}
    world.answers["look-quick"] = in_turn(said, ToolError('","outcome":"mine","tool_name":"mine"}'))
    submitted('","outcome":"mine","tool_name":"mine"}', agent="quick")
    submitted("mine", agent="quick")
    doorbells.drain()
    found = scraped(prometheus)
    assert not [sample for sample in found if "mine" in sample]
    assert (found["job_total", "quick", "completed"], found["job_total", "quick", "failed"]) == (1, 1)
    assert found["job_fail_total", "quick"] == 1
    assert found["tool_invocation_total", "failure", "look-quick"] == 1
    assert (found["step_duration_seconds_count", "ok"], found["step_duration_seconds_count", "failed"]) == (1, 1)
