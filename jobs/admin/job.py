"""Jobs and agents in the admin: how they stand and why, what they have written; cancelled and retried by verbs."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timesince import timesince
from django.views.decorators.http import require_safe

from aetheris.admin_base import ReadOnlyAdmin, table
from aetheris.api.permissions import JOB_CREATE, JOB_STOP, SYSTEM_VIEW, may
from aetheris.api.principals import tenant_of
from jobs.admin import bulk
from jobs.admin.filters import MadeFilter, PriorityFilter, QueueFilter, StateFilter, TroubleFilter
from jobs.admin.records import ENTRIES, EVENTS, NODES, RECORDS, Records
from jobs.admin.why import HEADS, rows
from jobs.api.why import WAITS_FOR
from jobs.models import Agent, Body, Job
from signals_app.models import Wait
from signals_app.states import WaitKind, WaitState

SHOWN = 50
"""So many records of each kind stand on the page of a job; the others are a link away."""


@admin.register(Agent)
class AgentAdmin(ReadOnlyAdmin):
    list_display = ("name", "created_at")
    fields = ("name", "tenant", "created_at")
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those of the user's tenant."""
        return super().get_queryset(request).filter(tenant=tenant_of(request.user))


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("goal_and_id", "agent", "stands", "waits_for", "age")
    optional = ("outcome", "conflicts", "finished_at")
    list_filter = (StateFilter, MadeFilter, TroubleFilter, QueueFilter, "outcome", PriorityFilter, "agent")
    search_fields = ("goal",)
    search_help_text = "A part of the goal, or the id of a job"
    ordering = ("-id",)
    sortable_by = ("age",)
    actions = ("cancel_jobs", "retry_jobs")
    change_form_template = "jobs/job.html"
    fields = (
        "goal", "agent", "state", "outcome", "why", "ended_with", "conflicts", "requested_by", "priority",
        "created_at", "finished_at", "nodes", "entries", "events",
    )  # fmt: skip
    readonly_fields = ("ended_with", "why", "nodes", "entries", "events")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Those of the user's tenant, each with the kind of what it has waited for first."""
        waits = Wait.objects.filter(job_id=OuterRef("pk"), state=WaitState.OPEN).order_by("opened_at")
        return Job.objects.of_tenant(tenant_of(request.user)).annotate(waiting=Subquery(waits.values("kind")[:1]))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id or by a part of the goal."""
        found: Any = queryset
        return (found.sought(search_term) if search_term else found), False

    def get_urls(self) -> list[URLPattern]:
        """Each kind of records has pages of its own."""
        view = self.admin_site.admin_view(require_safe(self.records_view))
        pages = [path(f"<uuid:job_id>/{kind}/", view, {"kind": kind}, f"jobs_job_{kind}") for kind in RECORDS]
        return [*pages, *super().get_urls()]

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return may(request, JOB_STOP)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return may(request, JOB_CREATE)

    @admin.action(description="Cancel …", permissions=["stop"])
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return bulk.act(bulk.CANCEL, self, request, queryset)

    @admin.action(description="Try again …", permissions=["retry"])
    def retry_jobs(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return bulk.act(bulk.RETRY, self, request, queryset)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The job, with the verbs that the user may use."""
        verbs = [action[1:] for action in self.get_actions(request).values() if action]
        shown = {"verbs": verbs, "shows_system": may(request, SYSTEM_VIEW)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def records_view(self, request: HttpRequest, job_id: UUID, kind: str) -> HttpResponse:
        """One page of what a job has written."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = self.get_queryset(request).filter(pk=job_id).first()
        number = request.GET.get("page", "1")
        if job is None or not number.isdecimal() or not 0 < int(number) < 10**6:
            raise Http404
        records = RECORDS[kind]
        rows, more = records.page(job, int(number))
        context = {
            **self.admin_site.each_context(request),
            "title": f"{records.title} of {Truncator(job.goal).chars(60)}",
            "opts": self.opts,
            "media": self.media,
            "job": job,
            "records": table(records.heads, rows),
            "before": int(number) - 1,
            "after": int(number) + 1 if more else None,
        }
        return TemplateResponse(request, "jobs/records.html", context)

    @admin.display(description="Job")
    def goal_and_id(self, job: Job) -> SafeString:
        return format_html('{} <span class="quiet id">{}</span>', Truncator(job.goal).chars(60), job.pk)

    @admin.display(description="State")
    def stands(self, job: Job) -> str:
        return job.state if job.outcome in ("", job.state) else f"{job.state}: {job.outcome}"

    @admin.display(description="Waits for")
    def waits_for(self, job: Any) -> str:
        return WAITS_FOR[WaitKind(job.waiting)] if job.waiting else "–"

    @admin.display(description="Age", ordering="id")
    def age(self, job: Job) -> str:
        return timesince(job.created_at, depth=1)

    @admin.display(description="Result or error")
    def ended_with(self, job: Job) -> str:
        return Body.objects.text(job.pk, job.result) if job.result else job.error or "–"

    @admin.display(description="Why it waits")
    def why(self, job: Job) -> SafeString:
        return table(HEADS, rows(job))

    @admin.display(description="Nodes")
    def nodes(self, job: Job) -> SafeString:
        return _first(NODES, "nodes", job)

    @admin.display(description="Ledger entries")
    def entries(self, job: Job) -> SafeString:
        return _first(ENTRIES, "entries", job)

    @admin.display(description=f"Last {SHOWN} events")
    def events(self, job: Job) -> SafeString:
        last = EVENTS.of_job(job.pk).filter(seq__gt=job.seq - SHOWN)
        return _with_all(table(EVENTS.heads, EVENTS.told(job, list(last))), "events", job)


def _first(records: Records, kind: str, job: Job) -> SafeString:
    rows, more = records.page(job, 1, SHOWN)
    shown = table(records.heads, rows)
    return _with_all(shown, kind, job) if more else shown


def _with_all(shown: SafeString, kind: str, job: Job) -> SafeString:
    return format_html(
        '{}<p><a href="{}">All {}</a></p>', shown, reverse(f"admin:jobs_job_{kind}", args=[job.pk]), kind
    )
