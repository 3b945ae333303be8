"""Tools on a terminal: the list, and one with its schemas."""

from typing import Any

from rich.console import Group, RenderableType
from rich.json import JSON
from rich.rule import Rule
from rich.table import Table

SCHEMAS = {"arguments_schema": "arguments", "result_schema": "result"}


def listed(tools: list[dict[str, Any]]) -> Table:
    """One row a tool: what people choose by."""
    table = Table("tool", "version", "effect", "after doubt", "queue", "description")
    for tool in tools:
        table.add_row(*(tool[field] for field in ("name", "version", "effect", "after_doubt", "queue", "description")))
    return table


def shown(tool: dict[str, Any]) -> RenderableType:
    """Everything that one tool declares."""
    table = Table("declares", "value", show_header=False)
    for field, value in tool.items():
        if field not in SCHEMAS:
            table.add_row(field, ", ".join(value) if isinstance(value, list) else "–" if value is None else str(value))
    schemas = [part for field, title in SCHEMAS.items() for part in (Rule(title), JSON.from_data(tool[field]))]
    return Group(table, *schemas)
