"""Patience: what a worker has to tell the database is tried until the database has answered."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, connection, connections

logger = logging.getLogger(__name__)

T = TypeVar("T")
PATIENCE_SECONDS = 300.0
"""How long a result in hand is tried to be recorded while the database does not answer."""
LONGEST_PAUSE_SECONDS = 5.0
IDLE_TOO_LONG = "25P03"
"""PostgreSQL's `idle_in_transaction_session_timeout`, for Django an `InternalError`."""


class Patience:
    """How long somebody goes on asking for `what` became of something."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._gives_up = time.monotonic() + PATIENCE_SECONDS
        self._pause = 0.05

    def bear(self, error: Error) -> None:
        """Get over a loss of the connection: the next statement gets another one, after a pause. Raises what is no
        loss, and the loss after five minutes."""
        if not is_loss(error) or time.monotonic() > self._gives_up:
            raise error
        logger.warning("%s has no answer yet: %s", self._what, error)
        drop_connection()
        time.sleep(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)


def until_answered(send: Callable[[], T], what: str) -> T:
    """Send until there is an answer; `send` finds out by itself whether an earlier try has landed. Raises what is no
    loss of the connection, and the loss after five minutes."""
    patience = Patience(what)
    while True:
        try:
            return send()
        except Error as error:
            patience.bear(error)


def is_loss(error: Error) -> bool:
    """Whether the connection was lost, or the server has ended it because this process was stopped for so long."""
    code = getattr(error.__cause__, "sqlstate", "")
    return isinstance(error, OperationalError | InterfaceError) or code == IDLE_TOO_LONG


@contextmanager
def given_back() -> Iterator[None]:
    """While the body runs this thread holds no connection, and afterwards none that the body has used."""
    connection.close()
    try:
        yield
    finally:
        drop_connection()


class set_aside:
    """While the body runs this thread's connection is not there for it, and afterwards it is as it was."""

    def __enter__(self) -> None:
        self._kept = connections[DEFAULT_DB_ALIAS]
        del connections[DEFAULT_DB_ALIAS]

    def __exit__(self, *_: object) -> None:
        if connections.all(initialized_only=True):
            drop_connection()
        connections[DEFAULT_DB_ALIAS] = self._kept


def drop_connection() -> None:
    """Whatever was done to this thread's connection, the next statement gets another one."""
    left_open = connection.in_atomic_block
    with suppress(Exception):
        connection.close()
    if left_open:
        del connections[DEFAULT_DB_ALIAS]
