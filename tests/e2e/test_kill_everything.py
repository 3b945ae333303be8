"""kill -9 of every process there is, in the middle of 200 mixed jobs: all finish, and nothing recorded runs again."""

import pytest

from tests.e2e.conftest import LEASE_SECONDS, Running
from tests.e2e.mixed import Blow, MixedJobs, broker_with_its_data, everything_at_once, workers_beat_and_web

WORK_SECONDS = 60.0
"""For the machine to do the work itself, slowly; what is bounded is the time after that."""


@pytest.mark.parametrize("blow", [workers_beat_and_web, broker_with_its_data, everything_at_once])
def test_all_jobs_finish(running: Running, blow: Blow) -> None:
    jobs = MixedJobs(running)
    blow(running)
    jobs.all_finish(WORK_SECONDS + LEASE_SECONDS + 2)
    assert jobs.repeated() == []
