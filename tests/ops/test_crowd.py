"""What is asked all the time costs the same with 100,000 jobs and 1,000,000 events as with none."""

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from jobs.models import Job
from ledger.models import Event
from tests.doors import OPERATOR, REQUESTER, asking, door, finishing, parked
from tests.world import Doorbells, Registered, World, submitted

FINISHED, PARKED, READY = 135_000, 10_000, 5_000
TABLES = (
    "jobs_job",
    "jobs_node",
    "jobs_edge",
    "ledger_event",
    "ledger_entry",
    "signals_app_wait",
    "signals_app_approval",
)
LIMIT_SECONDS = 0.3
STATEMENTS = 24


def copied(job: Job, times: int) -> None:
    """A job's rows, so many times more, under ids of their own."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for table in TABLES:
            cursor.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'",
                [table],
            )
            names = [name for (name,) in cursor.fetchall()]
            ids = {"id", "job_id", "root_id", "question_id"} & set(names)
            values = [f"md5(t.{name}::text || n)::uuid" if name in ids else f't."{name}"' for name in names]
            key = "id" if table == "jobs_job" else "job_id"
            listed = ", ".join(f'"{name}"' for name in names)
            cursor.execute(
                f"INSERT INTO {table} ({listed}) SELECT {', '.join(values)} FROM {table} AS t"
                f" CROSS JOIN generate_series(1, %s) AS n WHERE t.{key} = %s",
                [times, job.pk],
            )
        cursor.execute("RESET session_replication_role")


@pytest.fixture
def crowd(registered: Registered, world: World, doorbells: Doorbells) -> None:
    finishing(registered, world, "quick")
    asking(registered, world)
    done = submitted(agent="quick")
    doorbells.drain()
    waiting = Job.objects.get(pk=parked(door("requester", *REQUESTER), doorbells))
    ready = submitted(agent="quick")
    for job, times in ((done, FINISHED), (waiting, PARKED), (ready, READY)):
        copied(job, times)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def took(client: APIClient) -> float:
    """How long one scrape takes: the best of three, for the machine may be busy."""

    def once() -> float:
        began = time.perf_counter()
        assert client.get("/metrics").status_code == 200
        return time.perf_counter() - began

    return min(once() for _ in range(3))


def test_metrics_of_a_crowd(crowd: None, doorbells: Doorbells) -> None:
    assert Job.objects.count() > 100_000
    assert Event.objects.count() > 1_000_000
    client = door("operator", *OPERATOR).client
    assert took(client) < LIMIT_SECONDS
    with CaptureQueriesContext(connection) as captured:
        text = client.get("/metrics").content.decode()
    number = len(captured)
    assert number <= STATEMENTS
    assert f'aetheris_job_state{{state="parked"}} {PARKED + 1}.0' in text
    assert f'aetheris_queue_backlog{{queue="default"}} {READY + 1}.0' in text
    assert f'aetheris_open_questions{{kind="approval"}} {PARKED + 1}.0' in text
    for query in captured:
        assert "ledger_event" not in query["sql"] or "placed" in query["sql"]
    print(f"a scrape: {took(client):.3f} s, {number} statements")
