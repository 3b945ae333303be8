"""Whole rows by a prepared statement: what an activation begins with, without the price of a queryset."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, models

Model = type[models.Model]


def whole_rows(of: tuple[Model, ...], tail: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of these tables that `tail`, everything from FROM on, names; with each the database's clock."""
    database: Any = connection
    with database.prepared_cursor() as cursor:
        cursor.execute(_statement(of, tail), parameters)
        return [(*_made(of, iter(values)), values[-1]) for values in cursor.fetchall()]


@cache
def _statement(of: tuple[Model, ...], tail: str) -> str:
    columns = (f'{model._meta.db_table}."{field.column}"' for model in of for field in model._meta.concrete_fields)
    return f"SELECT {', '.join(columns)}, aetheris_now() {tail}"


@cache
def _names(model: Model) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def _made(of: tuple[Model, ...], values: Iterator[Any]) -> Iterator[models.Model]:
    for model in of:
        names = _names(model)
        yield model.from_db(DEFAULT_DB_ALIAS, names, list(islice(values, len(names))))
