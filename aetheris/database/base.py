"""The database backend: Django's own, but a pooled connection that the server has ended is given to nobody, and every
COMMIT stands between two failpoints."""

import select
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper
from psycopg import Connection, Cursor
from psycopg.waiting import Ready, Wait
from psycopg_pool import PoolTimeout

from aetheris import failpoints

PATIENCE_SECONDS = 10.0
"""How long somebody waits for a connection, also for a server that is just starting."""


class DatabaseWrapper(base.DatabaseWrapper):
    """After a restart of the server its pool is full of ended connections. They are thrown away where they are taken
    out, without a question to the server. The pool's own check would ask, and pause longer after each of them."""

    is_patient = True

    @contextmanager
    def impatient(self) -> Iterator[None]:
        """Whoever needs a connection in here waits for one for a second only."""
        self.is_patient = False
        try:
            yield
        finally:
            self.is_patient = True

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection[Any]:
        ends = time.monotonic() + (PATIENCE_SECONDS if self.is_patient else 0.0)
        while True:
            try:
                connection: Connection[Any] = super().get_new_connection(conn_params)
            except PoolTimeout:
                # The pool gives up connecting; whoever asks again makes it try again.
                if time.monotonic() > ends:
                    raise
                continue
            if self.pool is None or not _has_ended(connection):
                return connection
            connection.close()
            self.pool.putconn(connection)

    def prepared_cursor(self, meanwhile: Callable[[], None] | None = None) -> CursorWrapper:
        """For a statement that comes again and again: its arguments go apart from its text, so that the server reads
        and plans it once a connection, at its first use, unless `prepare_threshold` is null. What it answers comes in
        PostgreSQL's binary form, which psycopg reads in C; moments as text Django reads in Python. While the server
        works on a statement `meanwhile` is called, which must not use this connection; what it raises comes after the
        answer."""
        self.ensure_connection()
        cursor: Any = _PreparingCursor(self.connection)
        cursor.meanwhile = meanwhile
        return self.make_debug_cursor(cursor) if self.queries_logged else self.make_cursor(cursor)

    def _commit(self) -> None:
        with failpoints.around(failpoints.commit_of_this_verb()):
            super()._commit()  # type: ignore[misc]  # the stubs do not know it


class _PreparingCursor(Cursor[Any]):
    meanwhile: Callable[[], None] | None = None

    def execute(self, *statement: Any, **options: Any) -> Self:
        return super().execute(*statement, **{**options, "prepare": True, "binary": True})

    def _execute_gen(self, *statement: Any, **options: Any) -> Generator[Wait, Ready | int, None]:
        """What psycopg waits for, one after the other: once that is an answer, the server is at work."""
        waiting = super()._execute_gen(*statement, **options)
        if self.meanwhile is None:
            return waiting
        return _with(waiting, self.meanwhile)


def _with(
    waiting: Generator[Wait, Ready | int, None], meanwhile: Callable[[], None]
) -> Generator[Wait, Ready | int, None]:
    state = next(waiting)
    with suppress(StopIteration):
        while state != Wait.R:
            state = waiting.send((yield state))
        try:
            meanwhile()
        finally:
            with suppress(StopIteration):
                while True:
                    state = waiting.send((yield state))


def _has_ended(connection: Connection[Any]) -> bool:
    """Whether the server has said something, or hung up, though it was not asked anything."""
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return bool(poller.poll(0))
