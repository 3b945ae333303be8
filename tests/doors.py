"""What tests of the doors share: people with rights, requests through the real HTTP stack, and what the rows say."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import Resolver404, resolve
from knox.models import get_token_model
from rest_framework.test import APIClient

from aetheris.api.contract import codes
from aetheris.api.exceptions import status_of
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.references import ref
from tests.world import Doorbells, Registered, World

T = TypeVar("T")
REQUESTER = ("jobs.add_job", "jobs.view_job", "jobs.stop_job", "jobs.view_agent")
DECIDER = ("signals_app.decide_approval",)
OPERATOR = ("jobs.view_tick", "jobs.add_agent")
VIEWER = ("jobs.view_job", "jobs.view_agent", "signals_app.view_approval", "signals_app.view_unknownoutcome")


@dataclass(frozen=True)
class Answer:
    """What came back: never an error of the server, never a traceback."""

    status: int
    body: Any
    headers: Any

    @property
    def code(self) -> str:
        """The code of a refusal; it fails for a body of another shape."""
        error = self.body["error"]
        assert set(self.body) == {"error"}
        assert set(error) == {"code", "message", "details"}
        assert error["message"]
        return str(error["code"])

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.code


class Door:
    """The REST interface, as one caller sees it."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.client = APIClient(raise_request_exception=False)
        if token:
            self.client.credentials(HTTP_AUTHORIZATION=f"Token {token}")

    def delete(self, path: str) -> Answer:
        return self.send("DELETE", path)

    def get(self, path: str, **query: Any) -> Answer:
        return self.send("GET", path, data=query)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.raw(path, json.dumps({} if body is None else body), **headers)

    def raw(self, path: str, body: str | bytes, content_type: str = "application/json", **headers: str) -> Answer:
        return self.send("POST", path, data=body, content_type=content_type, headers=headers)

    def send(self, method: str, path: str, **options: Any) -> Answer:
        send = getattr(self.client, method.lower())
        response = send(path if path.startswith("/") else f"/api/{path}", **options)
        if response.streaming:
            response.close()
            return Answer(response.status_code, None, response.headers)
        content = response.content.decode()
        assert response.status_code < 500, content
        assert "Traceback" not in content
        is_json = response.headers.get("Content-Type", "").startswith("application/")
        answer = Answer(response.status_code, json.loads(content) if content and is_json else None, response.headers)
        promised(method, path, answer)
        return answer

    def message(self, message: str = "do it", *, agent: str = "test-agent", key: str = "") -> Answer:
        headers = {"Idempotency-Key": key} if key else {}
        return self.post(f"agents/{agent}/message", {"message": message}, **headers)

    def signal(self, job_id: str, key: str, payload: Any) -> Answer:
        return self.post(f"jobs/{job_id}/signal", {"correlation_key": key, "payload": payload})


def promised(method: str, path: str, answer: Answer) -> None:
    """Fail for an answer that the contract of its view does not have."""
    try:
        view: Any = resolve(f"/api/{path.partition('?')[0]}")
    except Resolver404:
        return
    contracts = getattr(view.func.cls, "contract", {})
    method = "GET" if method == "HEAD" else method
    if method not in contracts or answer.status in contracts[method].answers or answer.body is None:
        return
    needed = view.func.cls.permissions[method]
    code = answer.code
    assert code in codes(contracts[method], needed, has_path=bool(view.kwargs)), f"{method} {path} answered {code}"
    assert answer.status == status_of(code)


def person(name: str, *rights: str, superuser: bool = False, staff: bool = False, password: str | None = None) -> Any:
    """A user with these permissions."""
    user = get_user_model().objects.create_user(name, password=password, is_superuser=superuser, is_staff=staff)
    for right in rights:
        app, codename = right.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def door_of(user: Any) -> Door:
    """The REST interface with a fresh token of this user."""
    _, token = get_token_model().objects.create(user=user)
    return Door(token)


def door(name: str, *rights: str, superuser: bool = False) -> Door:
    """The REST interface for a new user with these permissions."""
    return door_of(person(name, *rights, superuser=superuser))


def every_record() -> dict[str, list[str]]:
    """Every row of every table, as text."""
    tables = sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True)})
    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" AS t ORDER BY 1')
            found[table] = [str(row[0]) for row in cursor.fetchall()]
    return found


def refused(call: Callable[[], Answer]) -> tuple[int, str]:
    """Status and code of a request that is refused; every record must be as it was."""
    before = every_record()
    answer = call()
    assert every_record() == before
    return answer.refusal


def writes(call: Callable[[], object]) -> list[str]:
    """The statements of a call that could change something."""
    with CaptureQueriesContext(connection) as captured:
        call()
    reading = ("SELECT", "SET TRANSACTION", "BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    return [query["sql"] for query in captured if not query["sql"].startswith(reading)]


def at_once(*calls: Callable[[], T]) -> list[T]:
    """What the calls answer, each in a thread with a connection of its own."""

    def run(call: Callable[[], T]) -> T:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def within_a_while(is_so: Callable[[], bool]) -> bool:
    """Whether it is so within twenty seconds."""
    ends = time.monotonic() + 20
    while not is_so():
        if time.monotonic() > ends:
            return False
        time.sleep(0.01)
    return True


def finishing(registered: Registered, world: World, name: str = "test-agent") -> None:
    """An agent whose jobs complete with one call."""
    look = world.tool(f"look-{name}")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look, value={"amount": "7.50"})
        return graph

    registered.agent(plan, look, name=name)


def asking(registered: Registered, world: World, **wait: Any) -> None:
    """An agent that looks, asks a person whether it may pay, and pays."""
    look, pay = world.tool("look"), world.tool("pay", Effect.IDEMPOTENT)
    options = {"kind": "human", "correlation_key": "ask-1", "approves": "pay", "reason": "May we?", **wait}

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look, value={"amount": "7.50"})
        graph.wait("ask", **options)
        graph.tool("pay", pay, value=ref("look.amount"))
        graph.edge("look", "ask")
        graph.edge("ask", "pay")
        return graph

    registered.agent(plan, look, pay)


def two_waits(registered: Registered, world: World, **second: Any) -> None:
    """An agent that waits for `first` and then for `second`, both ordinary signals unless `second` says more."""
    use = world.tool("use")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("one", correlation_key="first")
        graph.wait("two", **{"correlation_key": "second", **second})
        graph.tool("use", use, value=ref("two"))
        graph.edge("one", "two")
        graph.edge("two", "use")
        return graph

    registered.agent(plan, use)


def parked(requester: Door, doorbells: Doorbells) -> str:
    """The id of a new job that has come as far as it goes by itself."""
    job_id = str(requester.message().body["job_id"])
    doorbells.drain()
    return job_id
