"""Every route of the web process."""

from django.contrib import admin
from django.urls import include, path

from aetheris.api.documents import Document, SwaggerUI
from aetheris.api.keys import KeyDetail, Keys
from aetheris.api.tools import ToolDetail, Tools
from aetheris.api.views import Health, Login, Logout

admin.site.site_header = admin.site.site_title = "Aetheris"
admin.site.index_title = "Operations"
admin.site.index_template = "jobs/dashboard.html"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/health", Health.as_view()),
    path("api/login", Login.as_view()),
    path("api/logout", Logout.as_view()),
    path("api/keys", Keys.as_view()),
    path("api/keys/<uuid:key_id>", KeyDetail.as_view()),
    path("api/openapi.json", Document.as_view(), name="schema"),
    path("api/docs", SwaggerUI.as_view(url_name="schema")),
    path("api/tools", Tools.as_view()),
    path("api/tools/<path:name>", ToolDetail.as_view()),
    path("api/", include("jobs.api.urls")),
    path("api/", include("signals_app.api.urls")),
]
handler400 = "aetheris.api.exceptions.bad_request"
handler404 = "aetheris.api.exceptions.not_found"
handler500 = "aetheris.api.exceptions.server_error"
