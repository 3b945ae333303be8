"""Lines between a worker and its database that break or fall silent at the worst moment: no step is lost or doubled."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection

from aetheris.testing.proxy import Proxy
from jobs.models import Job, Node
from ledger.models import Entry
from tests.e2e.conftest import eventually
from tests.e2e.workers import Workers
from tests.world import Doorbells, submitted

LEASE_SECONDS = 3.0
STEPS = ("one", "two", "three")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Proxy]:
    """A line to the database; what this test itself says does not pass it."""
    folder = parse_qs(urlsplit(os.environ["AETHERIS_DATABASE_URL"]).query)["host"][0]
    target = f"unix:{folder}/.s.PGSQL.5432"
    with Proxy({"db": ("tcp:127.0.0.1:0", target)}, postgres=("db",), log=tmp_path / "proxy.jsonl") as proxy:
        yield proxy


def start(workers: Workers, line: Proxy) -> None:
    name, port = connection.settings_dict["NAME"], line.addresses["db"].port
    url = f"postgresql://aetheris@127.0.0.1:{port}/{name}"
    workers.start(AETHERIS_DATABASE_URL=url, AETHERIS_LEASE_SECONDS=str(LEASE_SECONDS))


def all_completed() -> bool:
    return set(Job.objects.values_list("state", flat=True)) == {"completed"}


@pytest.mark.parametrize(("agent", "jobs", "seconds"), [("chain", 6, 0.01), ("wide", 2, 2.5)])
@pytest.mark.parametrize("when", ["before", "after"])
def test_commits_whose_answer_is_lost(
    workers: Workers,
    line: Proxy,
    doorbells: Doorbells,
    tmp_path: Path,
    when: str,
    agent: str,
    jobs: int,
    seconds: float,
) -> None:
    """Every second COMMIT of the worker is cut. Each call is made once all the same, though it cannot be repeated, and
    nothing is in doubt: the worker finds out what became of each claim and each commit. What is `wide` has others of
    its nodes claimed by themselves while one is called."""
    for _ in range(jobs):
        submitted(f"slow_letter {seconds}", agent=agent)
    line.order("db", "cut_commit", when=when, skip=1, times=12)
    start(workers, line)
    eventually(all_completed, 60, "a step was lost")
    cuts = [json.loads(line) for line in (tmp_path / "proxy.jsonl").read_text().splitlines()]
    assert len(cuts) >= 6
    calls = Counter(call["key"] for call in workers.calls())
    assert (len(calls), set(calls.values())) == (jobs * len(STEPS), {1})
    assert set(Entry.objects.values_list("state", "sends")) == {("committed", 1)}


def test_a_database_that_falls_silent_in_the_middle_of_a_call(
    workers: Workers, line: Proxy, doorbells: Doorbells
) -> None:
    """For longer than a lease no connection carries anything. The call cannot be repeated; it is made once."""
    job = submitted("slow_letter 2", agent="caller")
    start(workers, line)
    eventually(lambda: len(workers.calls()) == 1, 30, "the call did not begin")
    line.order("db", "stall", seconds=2 * LEASE_SECONDS)
    eventually(all_completed, 40, "the job was not completed")
    assert len(workers.calls()) == 1
    assert Node.objects.get(job=job, path="call").state == "completed"
