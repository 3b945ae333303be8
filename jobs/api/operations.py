"""The doors for whoever runs an installation: what is there, what piles up, what does not move."""

from datetime import timedelta
from typing import Any, ClassVar

import celery
import django
from celery import current_app
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import aetheris
from aetheris.api.contract import Link, Method
from aetheris.api.fields import LONGEST_PAGE, Fields, query_of
from aetheris.api.permissions import SYSTEM_VIEW
from aetheris.api.principals import tenant_of
from aetheris.core import registry
from aetheris.core.durations import seconds
from aetheris.live.connection import answers as redis_answers
from jobs.api import answers
from jobs.models import Job, Node, Tick
from jobs.states import JobState
from signals_app.models import Approval, UnknownOutcome

ANSWER_SECONDS = 0.5
"""How long workers have to say that they are there."""
AGAIN_SECONDS = 2.0
"""How long those that have answered may take to answer again; mostly they need no time."""
LATE = timedelta(seconds=30)
"""A sweep that is older than this is late."""


class StuckFilter(Fields):
    older_than = serializers.RegexField(
        r"^([1-9][0-9]{0,5}s|[1-9][0-9]{0,4}m|[1-9][0-9]{0,3}h|[1-9][0-9]{0,2}d)$",
        default="1h",
        help_text="A duration such as `90s`, `15m`, `1h` or `7d`.",
    )


class Worker(answers.Answer):
    name = serializers.CharField()
    pid = serializers.IntegerField(allow_null=True)
    pool = serializers.CharField(allow_null=True)
    slots = serializers.IntegerField(allow_null=True)
    queues = serializers.ListField(child=serializers.CharField())


class WorkerList(answers.Answer):
    workers = Worker(many=True)
    total = serializers.IntegerField()
    broker = serializers.ChoiceField(["ok", "away"])


class Status(answers.Answer):
    status = serializers.ChoiceField(["ok", "degraded"])
    version = serializers.CharField()
    versions = serializers.DictField(child=serializers.CharField())
    agents = serializers.IntegerField()
    tools = serializers.IntegerField()
    database = serializers.ChoiceField(["ok"])
    broker = serializers.ChoiceField(["ok", "away"])
    swept_at = serializers.DateTimeField(allow_null=True)
    sweep = serializers.ChoiceField(["ok", "late"])
    database_now = serializers.DateTimeField()


class Summary(answers.Answer):
    jobs = serializers.DictField(child=serializers.IntegerField())
    queue_backlog = serializers.DictField(child=serializers.IntegerField())
    nodes_running = serializers.IntegerField()
    approvals_pending = serializers.IntegerField()
    resolutions_open = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    stuck = serializers.IntegerField()


class Stuck(answers.Answer):
    stuck_job_ids = serializers.ListField(child=serializers.UUIDField())
    stuck_threshold_seconds = serializers.FloatField()
    queue_backlog = serializers.DictField(child=serializers.IntegerField())


class Workers(APIView):
    """`GET` → the workers that say within half a second that they are there. A worker that the broker does not reach
    works all the same, and is not here."""

    permissions: ClassVar = {"GET": (SYSTEM_VIEW,)}
    contract: ClassVar = {
        "GET": Method(name="list_workers", does="The workers that answer now", answers={200: WorkerList})
    }

    def get(self, request: Request) -> Response:
        broker = _broker()
        workers = _workers() if broker == "ok" else []
        return Response({"workers": workers, "total": len(workers), "broker": broker})


class SystemStatus(APIView):
    """`GET` → versions, and whether database, broker and sweep are there."""

    permissions: ClassVar = {"GET": (SYSTEM_VIEW,)}
    contract: ClassVar = {
        "GET": Method(name="get_system_status", does="Whether the parts are there", answers={200: Status})
    }

    def get(self, request: Request) -> Response:
        now, swept_at = Job.objects.now(), Tick.objects.last_at()
        broker = _broker()
        sweep = "ok" if swept_at is not None and now - swept_at < LATE else "late"
        return Response(
            {
                "status": "ok" if (broker, sweep) == ("ok", "ok") else "degraded",
                "version": aetheris.__version__,
                "versions": {
                    "django": django.__version__,
                    "celery": celery.__version__,
                    "postgresql": Tick.objects.server_version(),
                },
                "agents": len(registry.agents.names()),
                "tools": len(registry.tools.names()),
                "database": "ok",
                "broker": broker,
                "swept_at": swept_at,
                "sweep": sweep,
                "database_now": now,
            }
        )


class ObservabilitySummary(APIView):
    """`GET` → how many jobs stand how, and what piles up."""

    permissions: ClassVar = {"GET": (SYSTEM_VIEW,)}
    contract: ClassVar = {
        "GET": Method(name="get_summary", does="How many jobs stand how, and what piles up", answers={200: Summary})
    }

    def get(self, request: Request) -> Response:
        tenant = tenant_of(request.user)
        jobs = Job.objects.of_tenant(tenant)
        hour_ago = Job.objects.now() - timedelta(hours=1)
        return Response(
            {
                "jobs": dict.fromkeys(JobState.values, 0) | jobs.by_state(),
                "queue_backlog": Node.objects.backlog(tenant),
                "nodes_running": Node.objects.running_of_tenant(tenant),
                "approvals_pending": Approval.objects.of_tenant(tenant).newest_first(status="pending").count(),
                "resolutions_open": UnknownOutcome.objects.of_tenant(tenant).filter(state="open").count(),
                "conflicts": jobs.with_conflicts().count(),
                "stuck": jobs.stuck(hour_ago).count(),
            }
        )


class StuckJobs(APIView):
    """`GET ?older_than` → jobs that could run, or are said to, and have not moved for so long."""

    permissions: ClassVar = {"GET": (SYSTEM_VIEW,)}
    contract: ClassVar = {
        "GET": Method(
            name="list_stuck_jobs",
            does="Jobs that have not moved for too long, the oldest first",
            asks=StuckFilter,
            answers={200: Stuck},
            links=(Link("get_job", "job_id", "stuck_job_ids/0"),),
        )
    }

    def get(self, request: Request) -> Response:
        threshold = seconds(query_of(request, StuckFilter)["older_than"])
        tenant = tenant_of(request.user)
        jobs = Job.objects.of_tenant(tenant).stuck(Job.objects.now() - timedelta(seconds=threshold))
        return Response(
            {
                "stuck_job_ids": [job.pk for job in jobs[:LONGEST_PAGE]],
                "stuck_threshold_seconds": threshold,
                "queue_backlog": Node.objects.backlog(tenant),
            }
        )


def _broker() -> str:
    return "ok" if redis_answers() else "away"


def _workers() -> list[dict[str, Any]]:
    stats = current_app.control.inspect(timeout=ANSWER_SECONDS).stats() or {}
    again = current_app.control.inspect(list(stats), timeout=AGAIN_SECONDS, limit=len(stats))
    queues = (again.active_queues() or {}) if stats else {}
    return [
        {
            "name": name,
            "pid": told.get("pid"),
            "pool": str(told.get("pool", {}).get("implementation", "")).rpartition(".")[2].partition(":")[0] or None,
            "slots": told.get("pool", {}).get("max-concurrency"),
            "queues": sorted(queue["name"] for queue in queues.get(name) or []),
        }
        for name, told in sorted(stats.items())
    ]
