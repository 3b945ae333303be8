"""What holds for every request: its id, how many there may be, and what bad ones are told."""

import json
import logging
from typing import Any

import httpx
import pytest
from django.core.cache import cache
from rest_framework.throttling import SimpleRateThrottle

from aetheris.core.log_fields import Filter
from tests.doors import REQUESTER, Door, door, finishing, refused
from tests.web import serving
from tests.world import Doorbells, Registered, World

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def nobody_has_asked_before() -> None:
    cache.clear()


@pytest.fixture
def requester(registered: Registered, world: World, doorbells: Doorbells) -> Door:
    finishing(registered, world)
    return door("requester", *REQUESTER)


def test_an_id_that_came_is_given_back_and_logged(requester: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(Filter())
    with caplog.at_level(logging.INFO, "aetheris.request"):
        answer = requester.send("GET", "jobs", headers={"X-Request-ID": "mine-1"})
    assert answer.headers["X-Request-ID"] == "mine-1"
    (line,) = (record for record in caplog.records if record.name == "aetheris.request")
    assert line.request_id == "mine-1"  # type: ignore[attr-defined]
    assert line.getMessage().startswith("GET /api/jobs 200 ")


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "ü", "a\x07b", "<script>", 'a"b'])
def test_an_id_that_would_harm_a_log_is_replaced(requester: Door, given: str) -> None:
    name = requester.send("GET", "jobs", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert name != given
    assert len(name) == 36


def test_a_path_cannot_write_lines_of_its_own(requester: Door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "aetheris.request"):
        requester.get("nowhere%0a2026-11-21 CRITICAL all is lost")
    (line,) = (record.getMessage() for record in caplog.records if record.name == "aetheris.request")
    assert "\n" not in line


def test_refusals_have_ids_as_well() -> None:
    for path in ("jobs", "nowhere", "jobs/none"):
        assert len(Door().get(path).headers["X-Request-ID"]) == 36


def test_who_asks_too_often_is_told_when_to_come_back(requester: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "request", "3/min")
    other = door("other", *REQUESTER)
    assert [requester.get("jobs").status for _ in range(3)] == [200] * 3
    answer = requester.get("jobs")
    assert answer.refusal == (429, "RATE_LIMITED")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert refused(lambda: requester.message()) == (429, "RATE_LIMITED")
    assert other.get("jobs").status == 200
    assert Door().get("health").status == 200


BODIES: dict[str, tuple[str | bytes, tuple[int, str]]] = {
    "no JSON": ("{", (400, "MALFORMED_JSON")),
    "empty": ("", (400, "INVALID_REQUEST")),
    "no UTF-8": (b'{"message": "\xff"}', (400, "MALFORMED_JSON")),
    "ten megabytes": (json.dumps({"message": "x" * 10 * MIB}), (413, "BODY_TOO_LARGE")),
    "a deep list": ("[" * 10_000 + "]" * 10_000, (400, "MALFORMED_JSON")),
    "a deep object": ('{"a":' * 10_000 + "1" + "}" * 10_000, (400, "MALFORMED_JSON")),
    "a list": ("[]", (400, "INVALID_REQUEST")),
    "a number": ("7", (400, "INVALID_REQUEST")),
    "a huge number": ('{"message": "x", "priority": 1' + "0" * 5000 + "}", (400, "MALFORMED_JSON")),
    "a large number": ('{"message": "x", "priority": 1' + "0" * 300 + "}", (400, "INVALID_REQUEST")),
    "NaN": ('{"message": "x", "priority": NaN}', (400, "MALFORMED_JSON")),
    "an infinity": ('{"message": "x", "priority": 1e999}', (400, "INVALID_REQUEST")),
    "NUL": ('{"message": "a\\u0000b"}', (400, "INVALID_REQUEST")),
    "half a surrogate": ('{"message": "\\ud800"}', (400, "INVALID_REQUEST")),
    "no text": ('{"message": 7}', (400, "INVALID_REQUEST")),
    "blank": ('{"message": "  "}', (400, "INVALID_REQUEST")),
    "one field too many": ('{"message": "x", "priorty": 1}', (400, "INVALID_REQUEST")),
}


@pytest.mark.parametrize("body", BODIES)
def test_a_bad_body_changes_nothing(requester: Door, body: str) -> None:
    text, expected = BODIES[body]
    assert refused(lambda: requester.raw("agents/test-agent/message", text)) == expected


@pytest.mark.parametrize("body", [*BODIES, "good"])
def test_a_body_that_comes_in_chunks_is_read_like_any_other(requester: Door, database: None, body: str) -> None:
    """Without a length before it; it is never taken for none."""
    text, expected = BODIES.get(body, ('{"message": "do it"}', (202, "")))
    content = text if isinstance(text, bytes) else text.encode()
    authorization = {"Authorization": f"Bearer {requester.token}", "Content-Type": "application/json"}
    with serving() as url:
        answer = httpx.post(f"{url}agents/test-agent/message", content=iter([content]), headers=authorization)
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert (answer.status_code, answer.json().get("error", {}).get("code", "")) == expected


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_body_of_another_kind(requester: Door, content_type: str) -> None:
    send = lambda: requester.raw("agents/test-agent/message", "message=x", content_type)  # noqa: E731
    assert refused(send) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("jobs/7", "NOT_FOUND"),
        ("jobs/a%00b", "NOT_FOUND"),
        ("jobs/" + "9" * 3000, "NOT_FOUND"),
        ("agents/nobody/state", "AGENT_NOT_FOUND"),
        ("agents/a%00b/state", "AGENT_NOT_FOUND"),
        ("tools/a%00b", "TOOL_NOT_FOUND"),
        ("..%2f..%2fetc", "NOT_FOUND"),
    ],
)
def test_a_path_that_leads_nowhere(requester: Door, path: str, code: str) -> None:
    assert refused(lambda: requester.get(path)) == (404, code)


@pytest.mark.parametrize(
    "query",
    [
        {"search": "a\x00b"},
        {"created_after": "yesterday"},
        {"created_after": "99999-01-01T00:00:00Z"},
        {"outcome": "splendid"},
        {"stauts": "failed"},
        {"cursor": ""},
    ],
)
def test_a_bad_query(requester: Door, query: dict[str, Any]) -> None:
    assert refused(lambda: requester.get("jobs", **query)) == (400, "INVALID_REQUEST")


def test_who_takes_no_json_is_told_so(requester: Door) -> None:
    assert requester.send("GET", "jobs", headers={"Accept": "text/html"}).status == 406
    assert requester.send("GET", "events/stream", headers={"Accept": "application/json"}).refusal == (
        406,
        "NOT_ACCEPTABLE",
    )
