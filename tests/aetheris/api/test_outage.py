"""What a request is told while the database does not answer: come back, in the one error body."""

from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client

from tests.doors import REQUESTER, Door, door


def away(error: type[Exception]) -> Any:
    """Every statement fails, as when the server has gone."""

    def fail(*_: Any) -> None:
        raise error("server closed the connection unexpectedly")

    return connection.execute_wrapper(fail)


def told(response: Any) -> tuple[int, str, str]:
    return response.status_code, response.json()["error"]["code"], response.headers["Retry-After"]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_request_is_told_to_come_back(database: None, error: type[Exception]) -> None:
    caller = door("requester", *REQUESTER).client
    with away(error):
        asked = caller.get("/api/jobs")
        sent = caller.post("/api/agents/test-agent/message", {"message": "do it"}, format="json")
        login = Door().client.post("/api/login", {"username": "a", "password": "b"}, format="json")
    assert [told(each) for each in (asked, sent, login)] == [(503, "DATABASE_AWAY", "5")] * 3
    assert caller.get("/api/jobs").status_code == 200


def test_the_admin_says_the_same(database: None) -> None:
    browser = Client(raise_request_exception=False)
    browser.cookies["sessionid"] = "somebody's"
    with away(OperationalError):
        assert told(browser.get("/admin/")) == (503, "DATABASE_AWAY", "5")
