"""What whoever runs an installation is told: status, workers, what piles up and what is stuck."""

from datetime import timedelta

import pytest

import aetheris
from aetheris.conf import configuration
from jobs.engine.submit import submit
from jobs.engine.sweep import sweep
from jobs.models import Job
from tests.conftest import Clock
from tests.doors import OPERATOR, REQUESTER, Door, asking, door, finishing, parked, refused, writes
from tests.world import Doorbells, Registered, World, submitted

PATHS = ("system/status", "workers", "observability/summary", "observability/stuck")


@pytest.fixture
def operator(doorbells: Doorbells) -> Door:
    return door("operator", *OPERATOR)


def test_the_status_says_what_is_there(operator: Door) -> None:
    before = operator.get("system/status").body
    assert (before["status"], before["sweep"], before["swept_at"]) == ("degraded", "late", None)
    sweep(rest=timedelta(0))
    status = operator.get("system/status").body
    assert (status["status"], status["broker"], status["database"], status["sweep"]) == ("ok", "ok", "ok", "ok")
    assert status["version"] == aetheris.__version__
    assert set(status["versions"]) == {"django", "celery", "postgresql"}


def test_a_broker_that_is_away_is_said_so(operator: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration(), "broker_url", "redis+socket:///nowhere/at-all")
    assert operator.get("system/status").body["broker"] == "away"
    assert operator.get("workers").body == {"workers": [], "total": 0, "broker": "away"}


def test_a_sweep_that_is_old_is_late(operator: Door, clock: Clock) -> None:
    sweep(rest=timedelta(0))
    clock.advance(31)
    assert operator.get("system/status").body["sweep"] == "late"


def test_the_summary_counts(operator: Door, registered: Registered, world: World, doorbells: Doorbells) -> None:
    asking(registered, world)
    finishing(registered, world, "quick")
    parked(door("requester", *REQUESTER), doorbells)
    submitted(agent="quick")
    doorbells.drain()
    submitted(agent="quick")
    submit("quick", "theirs", tenant="another", requested_by="user:9/else")
    found = operator.get("observability/summary").body
    assert {state: number for state, number in found["jobs"].items() if number} == {
        "parked": 1,
        "completed": 1,
        "pending": 1,
    }
    assert found["queue_backlog"] == {"default": 1}
    assert (found["approvals_pending"], found["resolutions_open"], found["conflicts"], found["stuck"]) == (1, 0, 0, 0)


def test_what_could_run_and_does_not_is_stuck(
    operator: Door, registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    asking(registered, world)
    parked(door("requester", *REQUESTER), doorbells)
    job = submitted()
    clock.advance(3600 + 60)
    later = submitted()
    found = operator.get("observability/stuck").body
    assert found == {"stuck_job_ids": [str(job.pk)], "stuck_threshold_seconds": 3600, "queue_backlog": {"default": 2}}
    assert operator.get("observability/stuck", older_than="2h").body["stuck_job_ids"] == []
    assert Job.objects.get(pk=later.pk).state == "pending"


@pytest.mark.parametrize("older_than", ["", "1", "h", "-1h", "0s", "1y", "9" * 20 + "h", "a\x00"])
def test_a_time_that_is_none(operator: Door, older_than: str) -> None:
    ask = lambda: operator.get("observability/stuck", older_than=older_than)  # noqa: E731
    assert refused(ask) == (400, "INVALID_REQUEST")


def test_looking_changes_nothing(operator: Door) -> None:
    for path in PATHS:
        assert writes(lambda path=path: operator.get(path)) == []  # type: ignore[misc]
