"""What is asked of the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements that the body sends by this thread's connection, in their order."""
    sent: list[str] = []

    def note(execute: Any, statement: str, *call: Any) -> Any:
        sent.append(statement)
        return execute(statement, *call)

    with connection.execute_wrapper(note):
        yield sent
