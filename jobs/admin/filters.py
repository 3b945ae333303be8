"""How an operator narrows the list of jobs."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from aetheris.core.ids import first_id
from aetheris.core.priority import FIRST, LAST
from jobs.models import Job
from jobs.states import JobState

WITHIN = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
PRIORITIES = [str(priority) for priority in range(FIRST, LAST + 1)]
STUCK_AFTER = timedelta(hours=1)


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return JobState.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        state = self.value()
        return queryset.in_state(state) if state in JobState.values else queryset


class PriorityFilter(admin.SimpleListFilter):
    title = "priority"
    parameter_name = "priority"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(priority, priority) for priority in PRIORITIES]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        priority = self.value()
        return queryset.filter(priority=priority) if priority in PRIORITIES else queryset


class MadeFilter(admin.SimpleListFilter):
    """By the ids of jobs, which begin with the time at which they were made."""

    title = "age"
    parameter_name = "made"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("hour", "Last hour"), ("day", "Last 24 hours"), ("week", "Last 7 days"), ("before", "Longer ago")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        wanted = self.value() or ""
        if wanted in WITHIN:
            return queryset.filter(pk__gte=first_id(Job.objects.now() - WITHIN[wanted]))
        if wanted == "before":
            return queryset.filter(pk__lt=first_id(Job.objects.now() - WITHIN["week"]))
        return queryset


class TroubleFilter(admin.SimpleListFilter):
    """Jobs that somebody is to look at: in which a fact came that contradicts the one that stands, or that stand still
    though they could run."""

    title = "trouble"
    parameter_name = "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("conflicts", "With fact conflicts"), ("stuck", "Stuck for an hour")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "conflicts":
            return queryset.with_conflicts()
        if self.value() == "stuck":
            return queryset.stuck(Job.objects.now() - STUCK_AFTER)
        return queryset


class QueueFilter(admin.SimpleListFilter):
    """Jobs with nodes that wait for a worker of one queue. Links lead here; it is offered only where it holds."""

    title = "ready in queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        queue = request.GET.get(self.parameter_name)
        return [(queue, queue)] if queue else []

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        queue = self.value()
        return queryset.ready_in(queue) if queue else queryset
