"""docs/rest.md describes each route of the URL conf: method, permission and one curl example. docs/rest-fields.md is
what docs/make_rest.py makes of the OpenAPI document."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from docs.make_rest import page
from tests.docs.reading import read, section

PAGE = read("rest.md")


def routes(patterns: list[Any], prefix: str = "/") -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Method, path and permissions of each route outside the admin, to which / leads."""
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver) and path != "/admin/":
            yield from routes(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path != "/":
            view: Any = pattern.callback
            for method, permissions in view.cls.permissions.items():
                yield method, re.sub(r"<\w+:(\w+)>", r"{\1}", path), permissions


ROUTES = list(routes(get_resolver("aetheris.urls").url_patterns))


@pytest.mark.parametrize(("method", "path", "permissions"), ROUTES, ids=lambda value: str(value))
def test_each_route_is_described(method: str, path: str, permissions: tuple[str, ...]) -> None:
    text = section(PAGE, f"### {method} {path}")
    (line,) = re.findall(r"^Permission: (.+)$", text, re.MULTILINE)
    assert re.findall(r"`([^`]+)`", line) == list(permissions)
    assert "curl" in text


def test_no_other_route_is_described() -> None:
    described = re.findall(r"^### ([A-Z]+ /\S+)$", PAGE, re.MULTILINE)
    assert sorted(described) == sorted(f"{method} {path}" for method, path, _ in ROUTES)


def test_the_page_of_fields_is_up_to_date() -> None:
    assert read("rest-fields.md") == page(), "run: .venv/bin/python docs/make_rest.py"
