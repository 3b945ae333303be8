from django.urls import path

from jobs.api import views

urlpatterns = [
    path("agents", views.Agents.as_view()),
    path("agents/<str:agent>/message", views.Message.as_view()),
    path("jobs", views.Jobs.as_view()),
    path("jobs/<uuid:job_id>", views.JobDetail.as_view()),
    path("jobs/<uuid:job_id>/events", views.Events.as_view()),
    path("jobs/<uuid:job_id>/signal", views.Signal.as_view()),
    path("jobs/<uuid:job_id>/resolve", views.Resolve.as_view()),
    path("jobs/<uuid:job_id>/stop", views.Stop.as_view()),
    path("jobs/<uuid:job_id>/message", views.MessageToJob.as_view()),
    path("jobs/<uuid:job_id>/replay", views.Replay.as_view()),
]
