"""Workers are listed while they answer over the broker."""

import os
from typing import Any

from tests.doors import OPERATOR, door
from tests.e2e.conftest import eventually
from tests.e2e.workers import Workers


def test_a_worker_that_answers_is_listed(workers: Workers) -> None:
    operator = door("operator", *OPERATOR)
    process = workers.start(broker=os.environ["AETHERIS_BROKER_URL"])
    listed: list[dict[str, Any]] = []

    def answers() -> bool:
        listed[:] = operator.get("workers").body["workers"]
        return bool(listed)

    eventually(answers, 30, "the worker does not answer")
    (worker,) = listed
    assert (worker["pid"], worker["slots"], worker["pool"]) == (process.pid, 4, "thread")
    assert worker["queues"] == ["background", "default", "heavy", "realtime"]
