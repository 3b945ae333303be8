"""Jobs in the admin: what they are doing, what they wait for, every event; read-only. Schedules may be edited."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from aetheris.admin_base import ModelAdmin, ReadOnlyAdmin, table
from aetheris.api.principals import principal_of, tenant_of
from jobs.engine import schedule as schedules
from jobs.models import Agent, Body, Job, Node, Schedule
from ledger.models import Event
from signals_app.models import Wait

EVENTS_SHOWN = 200


@admin.register(Agent)
class AgentAdmin(ReadOnlyAdmin):
    list_display = ("name", "tenant", "created_at")


class ConflictFilter(admin.SimpleListFilter):
    """Jobs in which a fact came that contradicts the one that stands: somebody is to look at them."""

    title = "fact conflicts"
    parameter_name = "conflicts"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "With conflicts")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(conflicts__gt=0) if self.value() == "yes" else queryset


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("id", "agent", "state", "outcome", "priority", "goal", "created_at", "finished_at")
    list_filter = ("state", "outcome", "priority", ConflictFilter, "agent")
    list_select_related = ("agent",)
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        "id", "agent", "tenant", "goal", "state", "outcome", "priority", "ended_with", "conflicts", "requested_by",
        "created_at", "finished_at", "waits", "nodes", "events",
    )  # fmt: skip
    readonly_fields = ("ended_with", "waits", "nodes", "events")

    @admin.display(description="Result or error")
    def ended_with(self, job: Job) -> str:
        return Body.objects.text(job.pk, job.result) if job.result else job.error or "–"

    @admin.display(description="Waits for")
    def waits(self, job: Job) -> SafeString:
        rows = [(w.node, w.kind, w.correlation_key, w.reason, w.expires_at or "") for w in Wait.objects.open(job.pk)]
        return table(("Node", "Kind", "Correlation key", "Reason", "Until"), rows)

    @admin.display(description="Nodes")
    def nodes(self, job: Job) -> SafeString:
        nodes = Node.objects.of_job(job.pk)
        texts = Body.objects.texts(job.pk, [node.output for node in nodes if node.output])
        rows = [
            (n.path, n.type, n.queue, n.state, n.claims, n.tries, texts[n.output] if n.output else n.error or "")
            for n in nodes
        ]
        return table(("Node", "Type", "Queue", "State", "Claims", "Tries", "Output"), rows)

    @admin.display(description=f"Last {EVENTS_SHOWN} events")
    def events(self, job: Job) -> SafeString:
        events = Event.objects.stream(job.pk, max(0, job.seq - EVENTS_SHOWN))
        rows = [(e.seq, f"{e.at:%Y-%m-%d %H:%M:%S}", e.type, e.node, e.actor, e.payload) for e in events]
        return table(("Seq", "At", "Type", "Node", "Actor", "Payload"), rows)


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
