"""The rows of a plan."""

import pytest
from django.db import models

from jobs.models import Edge, Node


@pytest.mark.parametrize("model", [Node, Edge])
def test_what_a_row_of_a_plan_holds_by_default_is_a_constant(model: type[models.Model]) -> None:
    """All rows of a process share it."""
    assert [
        field.name for field in model._meta.concrete_fields if field.has_default() and callable(field.default)
    ] == []
