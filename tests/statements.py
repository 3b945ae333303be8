"""What is asked of the database."""

from collections.abc import Callable, Iterator
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


@contextmanager
def before(text: str, act: Callable[[], object]) -> Iterator[None]:
    """Somebody else acts just before the body sends its first statement with this text."""
    waiting = [act]

    def let_in(execute: Any, statement: str, *call: Any) -> Any:
        if text in statement and waiting:
            waiting.pop()()
        return execute(statement, *call)

    with connection.execute_wrapper(let_in):
        yield
    assert not waiting, f"the body sent no statement with {text}"
