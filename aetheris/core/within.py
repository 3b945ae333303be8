"""Within: a context variable has a value while a body runs."""

from contextvars import ContextVar
from typing import Generic, TypeVar

T = TypeVar("T")


class Within(Generic[T]):
    """Inside, `variable` is `value` for this thread (or task); afterwards it is what it was before."""

    def __init__(self, variable: ContextVar[T], value: T) -> None:
        self._variable = variable
        self._value = value

    def __enter__(self) -> None:
        self._before = self._variable.set(self._value)

    def __exit__(self, *_: object) -> None:
        self._variable.reset(self._before)
