"""Whole rows by a prepared statement: what an activation begins with, without the price of a queryset."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, models

Model = type[models.Model]


def whole_rows(
    of: tuple[Model, ...], tail: str, parameters: Sequence[Any], besides: str = "aetheris_now()"
) -> list[tuple[Any, ...]]:
    """The rows of these tables that `tail`, everything from FROM on, names, with what is told `besides`, by default the
    database's clock. What a line repeats of the one before is the same object."""
    database: Any = connection
    with database.prepared_cursor() as cursor:
        cursor.execute(_statement(of, tail, besides), parameters)
        lines = cursor.fetchall()
    columns, first = [], 0
    for model in of:
        end = first + len(_names(model))
        columns.append(_made(model, [line[first:end] for line in lines]))
        first = end
    return list(zip(*columns, *zip(*(line[first:] for line in lines), strict=True), strict=True))


@cache
def _statement(of: tuple[Model, ...], tail: str, besides: str) -> str:
    columns = (f'{model._meta.db_table}."{field.column}"' for model in of for field in model._meta.concrete_fields)
    return f"SELECT {', '.join(columns)}, {besides} {tail}"


@cache
def _names(model: Model) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def _made(model: Model, rows: Sequence[tuple[Any, ...]]) -> list[models.Model]:
    made: list[models.Model] = []
    for number, row in enumerate(rows):
        repeats = number > 0 and row == rows[number - 1]
        made.append(made[-1] if repeats else model.from_db(DEFAULT_DB_ALIAS, _names(model), row))
    return made
