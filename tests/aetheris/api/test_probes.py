"""/healthz and /readyz: what an orchestrator asks a web process."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection
from rest_framework.test import APIClient

from aetheris.conf import configuration
from aetheris.core import registry
from aetheris.llm.adapters.openai import OpenAIAdapter
from tests.aetheris.api.test_outage import away
from tests.doors import OPERATOR, REQUESTER, at_once, door


def asked(path: str, client: APIClient | None = None) -> tuple[int, Any]:
    response = (client or APIClient()).get(path)
    return response.status_code, response.json()


def test_a_process_lives_whatever_its_database_does() -> None:
    """Without the fixture `database` no test reaches it."""
    assert asked("/healthz") == (200, {"status": "ok"})


def test_it_is_ready_with_its_database_and_all_migrations(database: None) -> None:
    assert asked("/readyz") == (200, {"status": "ok", "database": "ok", "migrations": "ok", "broker": "ok"})


def test_it_is_not_ready_before_the_migrations(database: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE django_migrations (LIKE public.django_migrations)")
        try:
            status, told = asked("/readyz")
        finally:
            cursor.execute("DROP TABLE pg_temp.django_migrations")
    assert (status, told["migrations"], told["database"]) == (503, "missing", "ok")


def test_migrations_of_a_later_version_do_not_matter(database: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('jobs', '9999_later', now())")
        try:
            assert asked("/readyz")[0] == 200
        finally:
            cursor.execute("DELETE FROM django_migrations WHERE name = '9999_later'")


def test_it_is_not_ready_without_its_database(database: None) -> None:
    with away(OperationalError):
        status, told = asked("/readyz")
    assert (status, told["status"], told["database"], told["migrations"]) == (503, "unready", "away", "unknown")


@pytest.mark.usefixtures("database")
def test_it_says_so_before_an_orchestrator_loses_patience() -> None:
    """A request waits ten seconds for a connection that nobody gives back."""
    database: Any = connection
    pool = database.pool
    held = [pool.getconn() for _ in range(pool.max_size - 1)]
    connection.ensure_connection()
    try:
        began = time.monotonic()
        status, _ = at_once(lambda: asked("/readyz"))[0]
        took = time.monotonic() - began
    finally:
        for each in held:
            pool.putconn(each)
    assert status == 503
    assert took < 4


def test_it_is_ready_without_its_broker(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration(), "broker_url", "redis+socket:///nowhere/at-all")
    status, told = asked("/readyz")
    assert (status, told["broker"]) == (200, "away")


class Models(http.server.BaseHTTPRequestHandler):
    """A provider that has one model."""

    def do_GET(self) -> None:
        body = json.dumps({"object": "list", "data": [{"id": "there", "object": "model"}]}).encode()
        self.send_response(200 if self.path == "/models" else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def provider() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Models) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    ("model", "status", "says"),
    [
        ("openai:there", 200, "ok"),
        ("openai:gone", 503, "away"),
        ("nobody:there", 503, "unknown"),
        ("", 503, "unset"),
    ],
)
def test_the_model_is_asked_for_on_request(
    database: None, monkeypatch: pytest.MonkeyPatch, model: str, status: int, says: str
) -> None:
    monkeypatch.setattr(configuration(), "model", model)
    client = door("operator", *OPERATOR).client
    with provider() as url, registry.models.emptied():
        registry.models.register("openai", OpenAIAdapter(url))
        found = asked("/readyz?model=true", client)
        assert (found[0], found[1]["model"]) == (status, says)
    assert "model" not in asked("/readyz", client)[1]


def test_a_provider_that_does_not_answer_is_away(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration(), "model", "openai:there")
    with registry.models.emptied():
        registry.models.register("openai", OpenAIAdapter("http://127.0.0.1:9"))
        assert asked("/readyz?model=true", door("operator", *OPERATOR).client)[1]["model"] == "away"


def test_not_everybody_makes_us_call_a_provider(database: None) -> None:
    assert asked("/readyz?model=true")[0] == 401
    assert asked("/readyz?model=true", door("requester", *REQUESTER).client)[0] == 403


@pytest.mark.parametrize("path", ["/readyz?modell=true", "/readyz?model=perhaps"])
def test_a_slip_of_the_pen_is_no_answer(database: None, path: str) -> None:
    assert asked(path)[0] == 400
