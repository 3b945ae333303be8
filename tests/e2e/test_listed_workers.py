"""Workers are listed while they answer over the broker."""

import os

from tests.doors import OPERATOR, door
from tests.e2e.conftest import eventually
from tests.e2e.workers import Workers


def test_a_worker_that_answers_is_listed(workers: Workers) -> None:
    operator = door("operator", *OPERATOR)
    process = workers.start(broker=os.environ["AETHERIS_BROKER_URL"])
    eventually(lambda: operator.get("workers").body["total"] == 1, 30, "the worker does not answer")
    (worker,) = operator.get("workers").body["workers"]
    assert (worker["pid"], worker["slots"], worker["pool"]) == (process.pid, 4, "thread")
    assert worker["queues"] == ["background", "default", "heavy", "realtime"]
