"""kill -9 in the middle of 200 mixed jobs: what ran is taken again within a lease and two seconds of the restart."""

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from aetheris.conf import Configuration
from aetheris.services.processes import start_ticks
from tests.e2e.conftest import Running, eventually
from tests.e2e.mixed import JOBS, Blow, MixedJobs, broker_with_its_data, everything_at_once, killed
from tests.figures.conftest import Figure

pytestmark = pytest.mark.figure

LEASE = float(Configuration.model_fields["lease_seconds"].default)
WORK_SECONDS = 90.0
"""For the machine to do the work itself, slowly."""
BLOWS = [
    everything_at_once,
    killed("worker-1"),
    killed("worker-1", "worker-2"),
    killed("beat"),
    killed("web"),
    broker_with_its_data,
]

RUNNING = "SELECT path FROM jobs_node WHERE state = 'running'"
TAKEN_AGAIN = """
    SELECT started.at FROM ledger_event AS reclaimed CROSS JOIN LATERAL (
        SELECT at FROM ledger_event AS event
         WHERE event.job_id = reclaimed.job_id AND event.node = reclaimed.node AND event.type = 'node_started'
           AND event.seq > reclaimed.seq ORDER BY event.seq LIMIT 1) AS started
     WHERE reclaimed.type = 'node_reclaimed' AND reclaimed.job_id = ANY(%(jobs)s::uuid[]) ORDER BY started.at"""


@pytest.mark.parametrize("blow", BLOWS, ids=lambda blow: str(blow.__name__))
def test_what_ran_is_taken_again_in_time(running: Running, blow: Blow, figure: Figure) -> None:
    jobs = MixedJobs(running)
    blow(running)
    eventually(lambda: is_healthy(running), 60, "the instance did not come back")
    healthy_at = datetime.now(UTC)
    jobs.all_finish(LEASE + WORK_SECONDS)
    taken_again = [at for (at,) in running.rows(TAKEN_AGAIN, jobs=jobs.ids)]
    name = f"kill -9 of {blow.__name__.replace('_', ' ')}"
    figure(f"{name}: all {JOBS} jobs finished, recorded calls that were repeated", len(jobs.repeated()), 0)
    assert bool(taken_again) == ("worker" in name or "everything" in name), "only who runs nodes loses them"
    if taken_again:
        late = (taken_again[-1] - healthy_at).total_seconds()
        figure(f"{name}: the last of {len(taken_again)} lost nodes taken again after", late, LEASE + 2, "s")


def worker_alone(running: Running) -> None:
    """Nothing else is hit."""


@pytest.mark.parametrize("blow", [worker_alone, broker_with_its_data], ids=lambda blow: str(blow.__name__))
def test_a_lost_node_runs_again_in_time_after_the_kill(running: Running, blow: Blow, figure: Figure) -> None:
    """The whole worker is gone, and with the second blow every doorbell as well."""
    eventually(lambda: is_healthy(running), 60, "the instance did not come back")
    eventually(lambda: not running.rows(RUNNING), 60, "the jobs before these take all threads")
    jobs = [running.submit("slow_payment 8") for _ in range(6)]
    eventually(lambda: all(running.calls(job) for job in jobs), 20, "not all have begun")
    hit = running.calls(jobs[0])[0]["pid"]
    lost = [job for job in jobs if running.calls(job)[0]["pid"] == hit]
    os.kill(hit, signal.SIGKILL)
    killed_at = datetime.now(UTC)
    blow(running)
    eventually(lambda: len(running.rows(TAKEN_AGAIN, jobs=lost)) == len(lost), 60, "a lost node was not taken again")
    last = max(at for (at,) in running.rows(TAKEN_AGAIN, jobs=lost))
    name = (
        f"kill -9 of a whole worker, {blow.__name__.replace('_', ' ')}: from the kill to the last of {len(lost)} claims"
    )
    figure(name, (last - killed_at).total_seconds(), LEASE + 2, "s")


def is_healthy(running: Running) -> bool:
    """Whether every process lives, each worker consumes and the web process answers."""
    instance = running.instance
    processes = instance.processes
    words = {name: running.data / "run" / f"{name}.ready" for name in processes if name.startswith("worker")}
    return (
        all(start_ticks(pid) is not None for pid in processes.values())
        and all(said(word) == str(processes[name]) for name, word in words.items())
        and httpx.get(f"{instance.url}/api/health").status_code == 200
    )


def said(word: Path) -> str:
    return word.read_text() if word.exists() else ""
