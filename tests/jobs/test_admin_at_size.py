"""However many jobs there are, each page of the admin and each list takes as many queries, and counts in bounds."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext

from jobs.models import Job
from tests.crowd import crowd, lists_of, pages_of
from tests.doors import door_of, person

MOST_QUERIES = 16
UNBOUNDED = re.compile(r"\bCOUNT\((?!.*\bLIMIT\b)", re.DOTALL)
BACKLOG = 'COUNT("jobs_node"."path")'
"""Of READY nodes only, in the index that holds nothing else."""


@pytest.fixture
def root(database: None) -> Any:
    return person("root", superuser=True, staff=True)


def asked(get: Callable[[str], Any], pages: list[str]) -> dict[str, int]:
    """Page → how many queries it takes once types of content are known; all of them count in bounds."""
    found = {}
    for page in pages:
        get(page)
        with CaptureQueriesContext(connection) as captured:
            assert get(page).status_code == 200, page
        statements = [query["sql"] for query in captured]
        assert [sql for sql in statements if UNBOUNDED.search(sql) and BACKLOG not in sql] == [], page
        found[page] = len(statements)
    return found


def test_no_page_of_the_admin_asks_more_or_counts_all(root: Any) -> None:
    client = Client()
    client.force_login(root)
    crowd(jobs=40, events=3)
    few = asked(client.get, pages_of(Job.objects.latest("pk")))
    crowd(jobs=2000, events=3, after=40)
    many = asked(client.get, pages_of(Job.objects.latest("pk")))
    assert max(few.values()) <= MOST_QUERIES
    assert list(many.values()) == list(few.values())
    assert "There are more than 1000." in client.get("/admin/jobs/job/").content.decode()
    assert "There are more than" not in client.get("/admin/jobs/job/?status=failed").content.decode()


def test_no_list_asks_more_or_counts_all(root: Any) -> None:
    door = door_of(root)

    def get(path: str) -> Any:
        return door.client.get(f"/api/{path}")

    crowd(jobs=40, events=3)
    few = asked(get, lists_of(Job.objects.latest("pk")))
    crowd(jobs=2000, events=3, after=40)
    many = asked(get, lists_of(Job.objects.latest("pk")))
    assert max(few.values()) <= MOST_QUERIES
    assert list(many.values()) == list(few.values())


@pytest.mark.parametrize(
    ("found", "index"),
    [
        (Job.objects.with_conflicts(), "job_with_conflicts"),
        (Job.objects.of_tenant("default").in_state("failed"), "job_by_ending"),
        (Job.objects.of_tenant("default").in_state("parked"), "job_by_ending"),
    ],
    ids=["conflicts", "failed", "parked"],
)
def test_few_jobs_among_many_are_found_by_an_index(database: None, found: QuerySet[Job], index: str) -> None:
    """None of the others is looked at."""
    crowd(jobs=2000, events=1)
    assert index in found.order_by("-id").explain()
