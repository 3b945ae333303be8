"""Lists begin with what is to be done."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

ALL = "all"


class ToDoFilter(admin.SimpleListFilter):
    """Rows in the state `todo`, unless those of another state, or all, are wanted."""

    title = "state"
    parameter_name = "status"
    todo: ClassVar[tuple[str, str]]
    others: ClassVar[list[tuple[str, str]]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*self.others, (ALL, "All")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        unfiltered, *others = super().choices(changelist)
        yield {**unfiltered, "display": self.todo[1]}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        state = self.value() or self.todo[0]
        return queryset if state == ALL else queryset.filter(state=state)
