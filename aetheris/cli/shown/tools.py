"""Tools on a terminal: the list, and one with its schemas."""

from typing import Any

from rich.console import Group, RenderableType
from rich.json import JSON
from rich.rule import Rule
from rich.table import Table

from aetheris.cli.shown.words import table as plain

SCHEMAS = {"arguments_schema": "arguments", "result_schema": "result"}


def listed(answer: dict[str, Any]) -> Table:
    """One row a tool: what people choose by."""
    table = plain("tool", "effect", "after doubt", "description", wrap=("after doubt", "description"))
    for tool in answer["tools"]:
        table.add_row(*(tool[field] for field in ("name", "effect", "after_doubt", "description")))
    return table


def shown(tool: dict[str, Any]) -> RenderableType:
    """Everything that one tool declares."""
    table = Table("declares", "value", show_header=False)
    for field, value in tool.items():
        if field not in SCHEMAS:
            table.add_row(field, ", ".join(value) if isinstance(value, list) else "–" if value is None else str(value))
    schemas = [part for field, title in SCHEMAS.items() for part in (Rule(title), JSON.from_data(tool[field]))]
    return Group(table, *schemas)
