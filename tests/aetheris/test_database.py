"""The pool after its server has hung up."""

import threading
from typing import Any

import pytest
from django.db import OperationalError, connection
from psycopg_pool import PoolTimeout

from aetheris.conf import configuration
from aetheris.database import base
from tests.doors import at_once

POOL = configuration().database_pool_size


def ask() -> int:
    """One statement, as a request or a step would make it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            row = cursor.fetchone()
            assert row is not None
            return int(row[0])
    finally:
        connection.close()


def fill_the_pool() -> None:
    """Each connection that it may have is lent and given back."""
    together = threading.Barrier(POOL)

    def hold() -> None:
        connection.ensure_connection()
        together.wait(timeout=10)

    at_once(*[hold] * POOL)


def hang_up() -> int:
    """The server ends every connection but the one that asks for it; how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        row = cursor.fetchone()
    connection.close()
    assert row is not None
    return int(row[0])


def test_nobody_is_given_a_connection_that_the_server_has_ended(database: None) -> None:
    connection.close()
    fill_the_pool()
    assert hang_up() >= POOL - 1
    assert [ask() for _ in range(2 * POOL)] == [1] * 2 * POOL


def test_nor_are_many_at_once(database: None) -> None:
    connection.close()
    fill_the_pool()
    assert hang_up() >= POOL - 1
    assert at_once(*[ask] * 3 * POOL) == [1] * 3 * POOL


def test_who_waits_too_long_for_a_connection_is_told(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    monkeypatch.setattr(base, "PATIENCE_SECONDS", 0.0)
    together, done = threading.Barrier(POOL + 1), threading.Event()

    def hold() -> None:
        connection.ensure_connection()
        together.wait(timeout=10)
        done.wait(timeout=20)

    def come_late() -> object:
        together.wait(timeout=10)
        try:
            ask()
        except OperationalError as error:
            return error.__cause__
        finally:
            done.set()
        return None

    *_, answer = at_once(*[hold] * POOL, come_late)
    assert isinstance(answer, PoolTimeout)


def test_a_prepared_statement_is_planned_once_a_connection(database: None) -> None:
    """However much cheaper plans for its own values seem."""
    kept: Any = connection
    for number in range(20):
        with kept.prepared_cursor() as cursor:
            cursor.execute("SELECT count(*) FROM unnest(%s::int[])", [[number]])
    with connection.cursor() as cursor:
        cursor.execute("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%unnest%'")
        assert cursor.fetchone() == (20, 0)


def test_what_is_done_meanwhile_fails_after_the_answer(database: None) -> None:
    """The connection is good for the next statement."""
    kept: Any = connection
    begun: list[bool] = []

    def fail() -> None:
        begun.append(True)
        raise ValueError("meanwhile")

    with kept.prepared_cursor(fail) as cursor, pytest.raises(ValueError, match="meanwhile"):
        cursor.execute("SELECT pg_sleep(0.05)")
    assert begun == [True]
    assert ask() == 1
