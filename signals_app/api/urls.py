from django.urls import path

from signals_app.api import resolutions, views

urlpatterns = [
    path("approvals", views.Approvals.as_view()),
    path("approvals/<uuid:approval_id>", views.ApprovalDetail.as_view()),
    path("approvals/<uuid:approval_id>/approve", views.Decision.as_view(approved=True)),
    path("approvals/<uuid:approval_id>/reject", views.Decision.as_view(approved=False)),
    path("resolutions", resolutions.Resolutions.as_view()),
]
