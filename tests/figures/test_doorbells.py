"""The broker takes no message for a minute while workers run: their receivers find the nodes, and all jobs finish."""

import time

import pytest
import redis

from tests.e2e.conftest import Running
from tests.e2e.mixed import JOBS, MixedJobs
from tests.figures.conftest import Figure

pytestmark = pytest.mark.figure

MINUTE = 60.0
WORK_SECONDS = 90.0


def test_all_jobs_finish_without_a_doorbell(running: Running, figure: Figure) -> None:
    with running.broker() as broker:
        began, (taken, refused) = time.monotonic(), messages(broker)
        broker.execute_command("ACL", "SETUSER", "default", "-lpush")
        jobs = MixedJobs(running)
        time.sleep(max(0.0, began + MINUTE - time.monotonic()))
        taken_then, refused_then = messages(broker)
        finished = len(jobs.finished())
        broker.execute_command("ACL", "SETUSER", "default", "+lpush")
    assert taken_then == taken, "a doorbell rang"
    jobs.all_finish(WORK_SECONDS)
    name = f"a minute without doorbells, {refused_then - refused} lost"
    figure(f"{name}: jobs of {JOBS} not finished ({finished} were within the minute)", JOBS - len(jobs.finished()), 0)
    figure(f"{name}: recorded calls that were repeated", len(jobs.repeated()), 0)


def messages(broker: redis.Redis) -> tuple[int, int]:
    """How many messages the broker took until now, and how many it refused."""
    pushed = broker.info("commandstats").get("cmdstat_lpush", {})
    return pushed.get("calls", 0), pushed.get("rejected_calls", 0)
