from django.urls import path

from jobs.api import agents, live, operations, trace_views, views, waits

urlpatterns = [
    path("agents", agents.Agents.as_view()),
    path("agents/<str:agent>/message", agents.Message.as_view()),
    path("agents/<str:agent>/messages", agents.Messages.as_view()),
    path("agents/<str:agent>/state", agents.AgentState.as_view()),
    path("jobs", views.Jobs.as_view()),
    path("jobs/<uuid:job_id>", views.JobDetail.as_view()),
    path("jobs/<uuid:job_id>/result", live.Result.as_view()),
    path("jobs/<uuid:job_id>/events", views.Events.as_view()),
    path("jobs/<uuid:job_id>/events/stream", live.JobStream.as_view()),
    path("jobs/<uuid:job_id>/signal", waits.Signal.as_view()),
    path("jobs/<uuid:job_id>/resolve", waits.Resolve.as_view()),
    path("jobs/<uuid:job_id>/stop", views.Stop.as_view()),
    path("jobs/<uuid:job_id>/retry", views.Retry.as_view()),
    path("jobs/<uuid:job_id>/message", waits.MessageToJob.as_view()),
    path("jobs/<uuid:job_id>/replay", views.Replay.as_view()),
    path("jobs/<uuid:job_id>/trace", trace_views.Trace.as_view()),
    path("events/stream", live.Stream.as_view()),
    path("waits", waits.Waits.as_view()),
    path("workers", operations.Workers.as_view()),
    path("system/status", operations.SystemStatus.as_view()),
    path("observability/summary", operations.ObservabilitySummary.as_view()),
    path("observability/stuck", operations.StuckJobs.as_view()),
]
