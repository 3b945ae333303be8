"""What the first page of the admin asks for."""

from typing import Any

from django import template

from jobs.admin.dashboard import board

register = template.Library()


@register.simple_tag(takes_context=True, name="board")
def board_of(context: dict[str, Any]) -> dict[str, Any]:
    """The dashboard, as far as the user may see it."""
    return board(context["request"])
