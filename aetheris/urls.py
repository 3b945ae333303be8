"""Every route of the web process."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django_celery_beat.models import ClockedSchedule, SolarSchedule

from aetheris.api.probes import Readiness
from aetheris.api.views import Health
from jobs.api.metrics import Metrics

admin.site.site_header = admin.site.site_title = "Aetheris"
admin.site.index_title = "Operations"
admin.site.index_template = "jobs/dashboard.html"
admin.site.site_url = None
# Nothing here is timed by these, and they stood between the operator and what he looks for.
admin.site.unregister((ClockedSchedule, SolarSchedule))

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("healthz", Health.as_view(schema=None)),
    path("readyz", Readiness.as_view()),
    path("metrics", Metrics.as_view()),
    path("api/", include("aetheris.api_urls")),
]
handler400 = "aetheris.api.exceptions.bad_request"
handler404 = "aetheris.api.exceptions.not_found"
handler500 = "aetheris.api.exceptions.server_error"
