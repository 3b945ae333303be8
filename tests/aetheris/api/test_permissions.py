"""Who may pass which door: every route declares it, and the matrix of roles and routes is as declared."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from aetheris.api.permissions import DJANGO_PERMISSION, IN_PERSON, OPEN, SIGNED_IN, Declared
from tests.doors import DECIDER, OPERATOR, REQUESTER, Door, door

VERBS = ("get", "post", "put", "patch", "delete")
ID = UUID(int=7)
ROUTES = {
    "/healthz": ("GET", "open"),
    "/readyz": ("GET", "open"),
    "/metrics": ("GET", "operator"),
    "health": ("GET", "open"),
    "login": ("POST", "open"),
    "agents": ("GET", "requester"),
    "agents/<str:agent>/message": ("POST", "requester"),
    "agents/<str:agent>/messages": ("POST", "requester"),
    "agents/<str:agent>/state": ("GET", "requester"),
    "tools": ("GET", "requester"),
    "tools/<path:name>": ("GET", "requester"),
    "jobs": ("GET", "requester"),
    "jobs/<uuid:job_id>": ("GET", "requester"),
    "jobs/<uuid:job_id>/events": ("GET", "requester"),
    "jobs/<uuid:job_id>/events/stream": ("GET", "requester"),
    "jobs/<uuid:job_id>/result": ("GET", "requester"),
    "jobs/<uuid:job_id>/trace": ("GET", "requester"),
    "events/stream": ("GET", "requester"),
    "waits": ("GET", "requester"),
    "workers": ("GET", "operator"),
    "system/status": ("GET", "operator"),
    "observability/summary": ("GET", "operator"),
    "observability/stuck": ("GET", "operator"),
    "keys": ("GET", "anybody"),
    "keys/<uuid:key_id>": ("DELETE", "anybody"),
    "openapi.json": ("GET", "open"),
    "docs": ("GET", "open"),
    "jobs/<uuid:job_id>/message": ("POST", "requester"),
    "jobs/<uuid:job_id>/replay": ("GET", "requester"),
    "jobs/<uuid:job_id>/signal": ("POST", "both"),
    "jobs/<uuid:job_id>/stop": ("POST", "requester"),
    "jobs/<uuid:job_id>/retry": ("POST", "requester"),
    "jobs/<uuid:job_id>/resolve": ("POST", "approver"),
    "resolutions": ("GET", "approver"),
    "approvals": ("GET", "approver"),
    "approvals/<uuid:approval_id>": ("GET", "approver"),
    "approvals/<uuid:approval_id>/approve": ("POST", "approver"),
    "approvals/<uuid:approval_id>/reject": ("POST", "approver"),
    "logout": ("POST", "anybody"),
}
MAY = {
    "open": {"nobody", "unable", "requester", "approver", "operator", "superuser"},
    "anybody": {"unable", "requester", "approver", "operator", "superuser"},
    "operator": {"operator", "superuser"},
    "requester": {"requester", "superuser"},
    "approver": {"approver", "superuser"},
    "both": {"requester", "approver", "superuser"},
}


def views(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every route of the web process, with its view; the admin, to which / leads, asks for permissions of its own."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver) and route != "/admin/":
            yield from views(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and route != "/":
            yield route, getattr(pattern.callback, "cls", None)


def api_views() -> dict[str, type[APIView]]:
    found = views(get_resolver().url_patterns, "/")
    return {route.removeprefix("/api/"): view for route, view in found}


@pytest.mark.parametrize("route", api_views())
def test_every_route_declares_who_may_use_each_method_that_it_has(route: str) -> None:
    view: Any = api_views()[route]
    assert issubclass(view, APIView)
    assert Declared in view.permission_classes
    declared = view.__dict__.get("permissions", {})
    assert set(declared) == {verb.upper() for verb in VERBS if hasattr(view, verb)}
    assert view.schema is None or set(view.contract) == set(declared)
    for needed in declared.values():
        assert needed
        assert set(needed) <= {OPEN, SIGNED_IN, IN_PERSON, *DJANGO_PERMISSION}


def test_the_matrix_knows_every_route() -> None:
    assert set(api_views()) == set(ROUTES)


@pytest.mark.parametrize("role", ["nobody", "unable", "requester", "approver", "operator", "superuser"])
def test_each_role_passes_exactly_its_doors(database: None, role: str) -> None:
    caller = {
        "nobody": lambda: Door(),
        "unable": lambda: door("unable"),
        "requester": lambda: door("requester", *REQUESTER),
        "approver": lambda: door("approver", *DECIDER),
        "operator": lambda: door("operator", *OPERATOR),
        "superuser": lambda: door("root", superuser=True),
    }[role]()
    passed: set[str] = set()
    for route, (method, _) in ROUTES.items():
        path = route.replace("<str:agent>", "none").replace("<path:name>", "none").replace("<uuid:job_id>", str(ID))
        path = path.replace("<uuid:approval_id>", str(ID)).replace("<uuid:key_id>", str(ID))
        answer = caller.send(method, path)
        turned_away = answer.status in (401, 403) and route != "login"
        if not turned_away:
            passed.add(route)
        else:
            expected = (401, "UNAUTHORIZED") if role == "nobody" else (403, "FORBIDDEN")
            assert answer.refusal == expected, route
    assert passed == {route for route, (_, who) in ROUTES.items() if role in MAY[who]}


def test_head_needs_what_get_needs(database: None) -> None:
    assert Door().send("HEAD", "jobs").status == 401
    assert door("unable").send("HEAD", "jobs").status == 403
    assert door("requester", *REQUESTER).send("HEAD", "jobs").status == 200


def test_a_method_without_a_declaration_lets_nobody_in(database: None) -> None:
    assert door("root", superuser=True).send("OPTIONS", "jobs").refusal == (403, "FORBIDDEN")
