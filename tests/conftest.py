"""Fixtures for every test that needs records: a real, migrated database, emptied after each test."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import setup_databases, teardown_databases
from hypothesis import settings

from jobs.engine import dispatch
from jobs.models import Job
from tests.chaos.watch import Watch, watched
from tests.world import Doorbells, Registered, World, assert_whole

# How long one example takes says more about the machine than about the code.
settings.register_profile("aetheris", deadline=None)
settings.load_profile("aetheris")

KEPT = {"django_migrations", "django_content_type", "auth_permission"}


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any
) -> Iterator[None]:
    """Make the test database, whatever marks the tests carry: here they ask for it by the fixture `database`."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default": None})
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[Watch]:
    """The database with real commits, so that other connections and processes see them. What the product commits
    meanwhile stands between failpoints."""
    with django_db_blocker.unblock():
        with watched() as watch:
            yield watch
        empty()
        connection.close()
    assert watch.naked == []


def empty() -> None:
    """Take all rows away. The triggers that forbid it are for the product's roles, not for this one."""
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)} - KEPT
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"TRUNCATE {', '.join(sorted(tables))}")
        cursor.execute("RESET session_replication_role")


@pytest.fixture
def doorbells(database: None, monkeypatch: pytest.MonkeyPatch) -> Doorbells:
    """Doorbells are collected instead of sent; `drain()` answers them as workers would."""
    bells = Doorbells()

    def collect(job_id: UUID, path: str, queue: str, priority: int) -> None:
        bells.rung.append((job_id, path, queue))

    monkeypatch.setattr(dispatch, "ring", collect)
    return bells


@pytest.fixture
def registered() -> Iterator[Registered]:
    """Handlers for one test: `registered.agent(plan, *tools, *functions)`."""
    handlers = Registered()
    yield handlers
    handlers.restore()


@pytest.fixture
def world() -> World:
    """A world outside, in memory."""
    return World()


@pytest.fixture
def whole(database: None) -> Iterator[None]:
    """After the test, whatever state its jobs are in: rows, counters, chain and events tell the same story."""
    yield
    for job in Job.objects.all():
        assert_whole(job)


class Clock:
    """The database's clock, for every connection and process of this database."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._runs = "clock_timestamp()"

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead += seconds
        self._set(f"{self._runs} + interval '{self._ahead} seconds'")

    def stand_still(self) -> None:
        """From now on only `advance` lets time pass, however long the test takes."""
        self._runs = f"'{Job.objects.now().isoformat()}'::timestamptz"
        self._ahead = 0.0
        self._set(self._runs)

    def reset(self) -> None:
        self._set("clock_timestamp()")

    def _set(self, expression: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE OR REPLACE FUNCTION aetheris_now() RETURNS timestamptz "
                f"LANGUAGE sql VOLATILE AS $$ SELECT {expression} $$"
            )


@pytest.fixture
def clock(database: None) -> Iterator[Clock]:
    """A clock that a test can advance."""
    shifted = Clock()
    yield shifted
    shifted.reset()
