from django.urls import path

from signals_app.api import resolutions, views

urlpatterns = [
    path("approvals", views.Approvals.as_view()),
    path("approvals/<uuid:approval_id>", views.ApprovalDetail.as_view()),
    path("approvals/<uuid:approval_id>/approve", views.Approve.as_view()),
    path("approvals/<uuid:approval_id>/reject", views.Reject.as_view()),
    path("resolutions", resolutions.Resolutions.as_view()),
]
