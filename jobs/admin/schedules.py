"""Schedules in the admin: stored through the verb `change`."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from aetheris.admin_base import BoundedPaginator, ModelAdmin
from aetheris.api.principals import principal_of, tenant_of
from jobs.engine import schedule as schedules
from jobs.models import Schedule


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]
    """Checks the name within the tenant, which no field shows."""

    tenant = ""

    def clean(self) -> dict[str, Any]:
        if not self.instance.tenant:
            self.instance.tenant = self.tenant
        return super().clean() or {}

    def _get_validation_exclusions(self) -> set[str]:
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded - {"tenant"}


@admin.register(Schedule)
class ScheduleAdmin(ModelAdmin):
    """Stored through the verb `change`; a message's text is only text."""

    actions = None
    paginator = BoundedPaginator
    show_full_result_count = False
    form = ScheduleForm
    list_display = ("name", "agent_name", "cron", "interval_seconds", "timezone", "enabled", "next_at", "last_at")
    list_filter = ("enabled", "agent_name")
    ordering = ("name",)
    fields = (
        "name", "agent_name", "message", "cron", "interval_seconds", "timezone", "catch_up", "enabled",
        "next_at", "last_at", "last_error", "changed_by", "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = ("next_at", "last_at", "last_error", "changed_by", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those of the user's tenant."""
        return super().get_queryset(request).filter(tenant=tenant_of(request.user))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form for schedules of the user's tenant; its class is made for each request."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.tenant = tenant_of(request.user)
        return form

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        """Store it; its jobs are from now on those of whoever asked for this."""
        schedules.change(obj, principal_of(request.user))
