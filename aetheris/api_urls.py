"""The routes of the REST interface, for a project of any: `path("api/", include("aetheris.api_urls"))`."""

from django.urls import include, path

from aetheris.api.documents import Document, SwaggerUI
from aetheris.api.keys import KeyDetail, Keys
from aetheris.api.tools import ToolDetail, Tools
from aetheris.api.views import Health, Login, Logout

urlpatterns = [
    path("health", Health.as_view()),
    path("login", Login.as_view()),
    path("logout", Logout.as_view()),
    path("keys", Keys.as_view()),
    path("keys/<uuid:key_id>", KeyDetail.as_view()),
    path("openapi.json", Document.as_view(), name="schema"),
    path("docs", SwaggerUI.as_view(url_name="schema")),
    path("tools", Tools.as_view()),
    path("tools/<path:name>", ToolDetail.as_view()),
    path("", include("jobs.api.urls")),
    path("", include("signals_app.api.urls")),
]
