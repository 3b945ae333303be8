"""Contracts: what each method of a view takes, answers and refuses, as data. `aetheris.api.schema` publishes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rest_framework import serializers

from aetheris.api.exceptions import status_of
from aetheris.api.fields import Fields
from aetheris.api.permissions import OPEN

ANYWHERE = ("BAD_REQUEST", "NOT_ACCEPTABLE", "RATE_LIMITED", "INTERNAL_ERROR", "DATABASE_AWAY")
"""Every method may refuse so."""
OF_CALLERS = ("UNAUTHORIZED", "FORBIDDEN")
OF_QUERIES = ("INVALID_REQUEST",)
OF_BODIES = ("INVALID_REQUEST", "MALFORMED_JSON", "UNSUPPORTED_MEDIA_TYPE", "BODY_TOO_LARGE")
OF_PATHS = ("NOT_FOUND",)

Answer = type[serializers.BaseSerializer[Any]] | dict[str, Any]
"""A serializer, or a schema as it stands."""


@dataclass(frozen=True)
class Link:
    """What an answer leads to: an operation, and which of its parameters has which field of the answer."""

    to: str
    parameter: str
    field: str

    @property
    def name(self) -> str:
        return f"{self.to}_of_{self.field.replace('/', '_')}"


@dataclass(frozen=True, kw_only=True)
class Method:
    """One operation. `answers` has its good answers by status, None for one without a body."""

    name: str
    does: str
    answers: Mapping[int, Answer | None]
    takes: type[Fields] | None = None
    asks: type[Fields] | None = None
    headers: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    refuses: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    media_type: str = "application/json"


def codes(method: Method, needed: tuple[str, ...], *, has_path: bool) -> set[str]:
    """Every code with which a method may refuse, given the permissions of which it needs one."""
    return {
        *ANYWHERE,
        *(() if OPEN in needed else OF_CALLERS),
        *(OF_QUERIES if method.asks or method.headers else ()),
        *(OF_BODIES if method.takes else ()),
        *(OF_PATHS if has_path else ()),
        *method.refuses,
    }


def refusals(found: set[str]) -> dict[int, list[str]]:
    """The same by status."""
    by_status: dict[int, list[str]] = {}
    for code in sorted(found):
        by_status.setdefault(status_of(code), []).append(code)
    return dict(sorted(by_status.items()))
