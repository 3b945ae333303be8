"""Jobs in the admin: what they are doing, what they wait for, every event. Read-only."""

from typing import Any

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from aetheris.admin_base import ReadOnlyAdmin
from jobs.models import Agent, Body, Job, Node
from ledger.models import Event
from signals_app.models import Wait

EVENTS_SHOWN = 200


@admin.register(Agent)
class AgentAdmin(ReadOnlyAdmin):
    list_display = ("name", "tenant", "created_at")


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("id", "agent", "state", "outcome", "goal", "created_at", "finished_at")
    list_filter = ("state", "outcome", "agent")
    list_select_related = ("agent",)
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        "id", "agent", "tenant", "goal", "state", "outcome", "ended_with", "requested_by",
        "created_at", "finished_at", "waits", "nodes", "events",
    )  # fmt: skip
    readonly_fields = ("ended_with", "waits", "nodes", "events")

    @admin.display(description="Result or error")
    def ended_with(self, job: Job) -> str:
        return Body.objects.text(job.pk, job.result) if job.result else job.error or "–"

    @admin.display(description="Waits for")
    def waits(self, job: Job) -> SafeString:
        rows = [(w.node, w.kind, w.correlation_key, w.reason, w.expires_at or "") for w in Wait.objects.open(job.pk)]
        return _table(("Node", "Kind", "Correlation key", "Reason", "Until"), rows)

    @admin.display(description="Nodes")
    def nodes(self, job: Job) -> SafeString:
        nodes = Node.objects.of_job(job.pk)
        texts = Body.objects.texts(job.pk, [node.output for node in nodes if node.output])
        rows = [
            (n.path, n.type, n.state, n.claims, n.tries, texts[n.output] if n.output else n.error or "") for n in nodes
        ]
        return _table(("Node", "Type", "State", "Claims", "Tries", "Output"), rows)

    @admin.display(description=f"Last {EVENTS_SHOWN} events")
    def events(self, job: Job) -> SafeString:
        events = Event.objects.stream(job.pk, max(0, job.seq - EVENTS_SHOWN))
        rows = [(e.seq, f"{e.at:%Y-%m-%d %H:%M:%S}", e.type, e.node, e.actor, e.payload) for e in events]
        return _table(("Seq", "At", "Type", "Node", "Actor", "Payload"), rows)


def _table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> SafeString:
    if not rows:
        return SafeString("–")
    head = format_html_join("", "<th>{}</th>", ((head,) for head in heads))
    cells = (format_html_join("", "<td>{}</td>", ((cell,) for cell in row)) for row in rows)
    body = format_html_join("", "<tr>{}</tr>", ((row,) for row in cells))
    return format_html(
        '<div class="records"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>', head, body
    )
