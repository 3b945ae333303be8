"""Logging in, tokens, and the shape of what a wrong request gets."""

from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from knox.models import get_token_model

from aetheris.conf import configuration
from tests.doors import REQUESTER, Door, door, door_of, person, refused


@pytest.fixture(autouse=True)
def quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def nobody_has_tried_before() -> None:
    cache.clear()


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
WRONG_TOKENS = [
    "Token",
    "Token ",
    "Token nonsense",
    f"Token {'a' * 64}",
    "Token two words",
    "Token \xff\xfe",
    "Token a\x00b",
    "Basic cmVxdWVzdGVyOnNlY3JldA==",
    "Bearer x",
]


def test_the_right_password_gives_a_token_that_opens_doors(database: None) -> None:
    person("requester", *REQUESTER, password="a-long-password")
    answer = Door().post("login", {"username": "requester", "password": "a-long-password"})
    assert answer.status == 200
    assert set(answer.body) == {"token", "expiry"}
    assert Door(answer.body["token"]).get("jobs").status == 200


def test_only_the_hash_of_a_token_is_stored(database: None) -> None:
    person("requester", password="a-long-password")
    token = Door().post("login", {"username": "requester", "password": "a-long-password"}).body["token"]
    stored = get_token_model().objects.get()
    assert stored.digest != token
    assert token not in str(vars(stored))


@pytest.mark.parametrize("name", ["requester", "nobody"])
def test_wrong_credentials_are_refused_alike_whoever_it_is(database: None, name: str) -> None:
    person("requester", password="a-long-password")
    body = {"username": name, "password": "wrong"}
    assert refused(lambda: Door().post("login", body)) == (401, "UNAUTHORIZED")
    assert Door().post("login", body).headers["WWW-Authenticate"] == "Token"


def test_somebody_who_was_deactivated_neither_logs_in_nor_uses_a_token(database: None) -> None:
    user = person("requester", *REQUESTER, password="a-long-password")
    body = {"username": "requester", "password": "a-long-password"}
    token = Door().post("login", body).body["token"]
    user.is_active = False
    user.save()
    assert refused(lambda: Door().post("login", body)) == (401, "UNAUTHORIZED")
    assert refused(lambda: Door(token).get("jobs")) == (401, "UNAUTHORIZED")


def test_attempts_to_log_in_are_limited_by_address(database: None) -> None:
    """Whatever name they try, and whatever they say about where they come from; the right password does not help."""
    person("requester", password="a-long-password")
    attempts = int(configuration().login_rate.partition("/")[0])
    for number in range(attempts):
        body = {"username": f"user-{number}", "password": "wrong"}
        assert Door().post("login", body, **{"X-Forwarded-For": f"10.0.0.{number}"}).status == 401
    answer = Door().post("login", {"username": "requester", "password": "a-long-password"})
    assert answer.refusal == (429, "RATE_LIMITED")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert door("other", *REQUESTER).get("jobs").status == 200


def test_who_has_logged_out_keeps_only_other_tokens(database: None) -> None:
    user = person("requester", *REQUESTER, password="a-long-password")
    caller, other = door_of(user), door_of(user)
    answer = caller.post("logout")
    assert (answer.status, answer.body) == (204, None)
    assert refused(lambda: caller.get("jobs")) == (401, "UNAUTHORIZED")
    assert refused(lambda: caller.post("logout")) == (401, "UNAUTHORIZED")
    assert other.get("jobs").status == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"null", b"[]", b'"text"', b'{"username": "x"}', b'{"username": "a\\u0000", "password": "b"}'],
)
def test_a_login_without_its_fields_is_told_so(database: None, body: bytes) -> None:
    assert refused(lambda: Door().raw("login", body)) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("header", WRONG_TOKENS)
def test_what_is_no_token_is_refused_like_a_wrong_one(database: None, header: str) -> None:
    caller = Door()
    caller.client.credentials(HTTP_AUTHORIZATION=header)
    answer = caller.get("jobs")
    assert answer.refusal == (401, "UNAUTHORIZED")
    assert answer.headers["WWW-Authenticate"] == "Token"


def test_a_token_that_has_expired_opens_nothing(database: None) -> None:
    caller = door("requester", *REQUESTER)
    assert caller.get("jobs").status == 200
    get_token_model().objects.update(expiry=timezone.now())
    assert caller.get("jobs").refusal == (401, "UNAUTHORIZED")


def test_health_needs_nobody_and_no_database_rows(database: None) -> None:
    assert Door().get("health").body == {"status": "ok"}
    assert Door().send("HEAD", "health").status == 200


def test_what_is_not_there_is_told_in_the_one_error_body(database: None) -> None:
    assert Door().get("nothing/here").refusal == (404, "NOT_FOUND")
    assert Door().get("jobs/no-uuid").refusal == (404, "NOT_FOUND")


def test_a_foreign_host_name_is_told_in_the_one_error_body(database: None) -> None:
    assert Door().send("GET", "health", headers={"Host": "evil.example"}).refusal == (400, "BAD_REQUEST")


def test_a_method_that_a_route_does_not_have_is_405(database: None) -> None:
    caller = door("requester", *REQUESTER)
    assert refused(lambda: caller.send("DELETE", "jobs")) == (405, "METHOD_NOT_ALLOWED")
    assert refused(lambda: caller.send("GET", "login")) == (405, "METHOD_NOT_ALLOWED")


def test_only_json_is_spoken(database: None) -> None:
    caller = door("requester", *REQUESTER)
    assert caller.send("GET", "jobs", headers={"Accept": "text/html"}).refusal == (406, "NOT_ACCEPTABLE")
    assert set(caller.send("GET", "jobs", headers={"Accept": BROWSER}).body) == {"jobs", "next_cursor"}
    assert caller.raw("login", "username=a", "application/x-www-form-urlencoded").refusal == (
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    )
