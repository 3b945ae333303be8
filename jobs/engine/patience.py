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


def until_answered(send: Callable[[], T], what: str) -> T:
    """Send until there is an answer; `send` finds out by itself whether an earlier try has landed. Raises what is no
    loss of the connection, and the loss after five minutes."""
    gives_up = time.monotonic() + PATIENCE_SECONDS
    pause = 0.05
    while True:
        try:
            return send()
        except Error as error:
            if not is_loss(error) or time.monotonic() > gives_up:
                raise
            logger.warning("%s has no answer yet: %s", what, error)
            drop_connection()
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


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


@contextmanager
def set_aside() -> Iterator[None]:
    """While the body runs this thread's connection is not there for it, and afterwards it is as it was."""
    kept = connections[DEFAULT_DB_ALIAS]
    del connections[DEFAULT_DB_ALIAS]
    try:
        yield
    finally:
        if connections.all(initialized_only=True):
            drop_connection()
        connections[DEFAULT_DB_ALIAS] = kept


def drop_connection() -> None:
    """Whatever was done to this thread's connection, the next statement gets another one."""
    left_open = connection.in_atomic_block
    with suppress(Exception):
        connection.close()
    if left_open:
        del connections[DEFAULT_DB_ALIAS]
