"""API keys: less than their user, told once, ended at once; and a browser's session."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from aetheris.models import ApiKey
from jobs.models import Job
from tests.doors import DECIDER, REQUESTER, Door, asking, door, door_of, finishing, parked, person, refused
from tests.world import Doorbells, Registered, World

SUBMITS = {"name": "shop", "scopes": ["job:create"]}


@pytest.fixture
def owner(database: None) -> Door:
    return door("owner", *REQUESTER, *DECIDER)


def made(owner: Door, **wanted: object) -> Door:
    """The door of whoever holds a new key."""
    answer = owner.post("keys", {**SUBMITS, **wanted})
    assert answer.status == 201
    return Door(answer.body["key"])


def test_a_key_may_what_its_scopes_name_and_nothing_else(
    owner: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    key = made(owner)
    assert key.message().status == 202
    assert key.get("agents").status == 200
    for path in ("jobs", "approvals", "tools", "waits", "events/stream"):
        assert refused(lambda path=path: key.get(path)) == (403, "FORBIDDEN")  # type: ignore[misc]


def test_a_key_never_has_more_than_its_user_has_now(owner: Door) -> None:
    key = made(owner, scopes=["job:view"])
    assert key.get("jobs").status == 200
    AuthToken.objects.get(api_key__isnull=False).user.user_permissions.clear()
    assert refused(lambda: key.get("jobs")) == (403, "FORBIDDEN")


def test_nobody_gives_what_he_does_not_have(database: None) -> None:
    viewer = door("viewer", "jobs.view_job")
    body = {"name": "more", "scopes": ["job:view", "job:create"]}
    assert refused(lambda: viewer.post("keys", body)) == (403, "SCOPE_NOT_YOURS")


def test_a_key_decides_only_with_the_scope_for_it(registered: Registered, world: World, doorbells: Doorbells) -> None:
    asking(registered, world)
    job_id = parked(door("requester", *REQUESTER), doorbells)
    owner = door("owner", *REQUESTER, *DECIDER)
    submits, decides = made(owner), made(owner, scopes=["approval:decide"])
    assert refused(lambda: submits.signal(job_id, "ask-1", {"approved": True})) == (403, "MAY_NOT_DECIDE")
    assert decides.signal(job_id, "ask-1", {"approved": True}).status == 200


def test_a_key_is_told_once_and_only_its_hash_is_stored(owner: Door) -> None:
    key = owner.post("keys", SUBMITS).body
    (listed,) = owner.get("keys").body["keys"]
    assert {**listed, "key": key["key"]} == key
    stored = AuthToken.objects.get(api_key__pk=key["id"])
    assert key["key"] not in str(vars(stored)) + str(vars(stored.api_key))


def test_a_key_makes_lists_and_ends_no_keys(owner: Door) -> None:
    key = made(owner)
    listed = owner.get("keys").body["keys"][0]["id"]
    assert refused(lambda: key.get("keys")) == (403, "FORBIDDEN")
    assert refused(lambda: key.post("keys", SUBMITS)) == (403, "FORBIDDEN")
    assert refused(lambda: key.delete(f"keys/{listed}")) == (403, "FORBIDDEN")


def test_an_ended_key_opens_nothing(owner: Door) -> None:
    key = made(owner, scopes=["job:view"])
    listed = owner.get("keys").body["keys"][0]["id"]
    assert owner.delete(f"keys/{listed}").status == 204
    assert refused(lambda: key.get("jobs")) == (401, "UNAUTHORIZED")
    assert refused(lambda: owner.delete(f"keys/{listed}")) == (404, "KEY_NOT_FOUND")
    assert not ApiKey.objects.exists()


def test_others_keys_do_not_exist(owner: Door) -> None:
    made(owner)
    stranger = door("stranger", *REQUESTER)
    listed = owner.get("keys").body["keys"][0]["id"]
    assert stranger.get("keys").body == {"keys": [], "total": 0}
    for key_id in (listed, uuid4()):
        assert refused(lambda key_id=key_id: stranger.delete(f"keys/{key_id}")) == (404, "KEY_NOT_FOUND")  # type: ignore[misc]


def test_a_key_ends_when_it_was_said_to(owner: Door) -> None:
    key = made(owner, scopes=["job:view"], expires_in_days=7)
    stored = AuthToken.objects.get(api_key__isnull=False)
    assert abs(stored.expiry - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)
    AuthToken.objects.filter(pk=stored.pk).update(expiry=timezone.now())
    assert key.get("jobs").refusal == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["everything"]},
        {"name": "", "scopes": ["job:view"]},
        {"name": "x", "scopes": ["job:view"], "expires_in_days": 0},
        {"name": "x", "scopes": ["job:view"], "expires_in_days": 10**400},
        {"name": "x", "scopes": ["job:view"], "expires_in_days": "7"},
        {"name": "x", "scopes": ["job:view"], "expires": 7},
        {"name": "a\x00b", "scopes": ["job:view"]},
    ],
)
def test_a_key_that_cannot_be(owner: Door, body: object) -> None:
    assert refused(lambda: owner.post("keys", body)) == (400, "INVALID_REQUEST")


def test_a_session_opens_doors_and_changes_nothing_without_its_token(database: None) -> None:
    user = person("browser", *REQUESTER, password="a-long-password", staff=True)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.get("/api/jobs").status_code == 200
    body = {"name": "x", "scopes": ["job:view"]}
    refusal = browser.post("/api/keys", body, content_type="application/json")
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (403, "FORBIDDEN")
    browser.get("/admin/")
    token = browser.cookies["csrftoken"].value
    answer = browser.post("/api/keys", body, content_type="application/json", headers={"X-CSRFToken": token})
    assert answer.status_code == 201


def test_bearer_is_another_word_for_token(database: None) -> None:
    caller = door_of(person("requester", *REQUESTER))
    caller.client.credentials(HTTP_AUTHORIZATION=f"Bearer {caller.token}")
    assert caller.get("jobs").status == 200
    assert Job.objects.count() == 0
