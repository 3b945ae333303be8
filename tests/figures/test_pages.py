"""How long the slowest page of the admin and the slowest list take with 100,000 jobs and 1,000,000 events."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from jobs.models import Job
from tests.crowd import crowd, lists_of, pages_of
from tests.doors import door_of, person
from tests.figures.conftest import Figure

pytestmark = pytest.mark.figure

JOBS, EVENTS_OF_EACH = 100_000, 10
TIMES = 3
LIMIT = 300


def test_pages_and_lists_of_many_jobs(database: None, figure: Figure) -> None:
    crowd(JOBS, EVENTS_OF_EACH)
    root = person("root", superuser=True, staff=True)
    browser, door = Client(), door_of(root)
    browser.force_login(root)
    last = Job.objects.latest("pk")
    pages = slowest(browser.get, pages_of(last))
    lists = slowest(lambda path: door.client.get(f"/api/{path}"), lists_of(last))
    figure(f"slowest of {len(pages_of(last))} pages of the admin, {pages[1]}", pages[0], LIMIT, "ms")
    figure(f"slowest of {len(lists_of(last))} lists, {lists[1]}", lists[0], LIMIT, "ms")


def slowest(get: Callable[[str], Any], paths: list[str]) -> tuple[float, str]:
    """Milliseconds of the path that takes longest, by its median, and the path."""
    return max((sorted(took(get, path) for _ in range(TIMES))[TIMES // 2], path) for path in paths)


def took(get: Callable[[str], Any], path: str) -> float:
    began = time.perf_counter()
    assert get(path).status_code == 200, path
    return 1000 * (time.perf_counter() - began)
