"""Schemathesis calls every operation of the OpenAPI document, as two users, with all its checks and along the links."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from rest_framework.throttling import SimpleRateThrottle

from aetheris.conf import configuration
from tests.doors import DECIDER, OPERATOR, REQUESTER, Door, asking, door_of, finishing, parked, person
from tests.web import serving
from tests.world import Doorbells, Registered, World

USERS = {"requester": REQUESTER, "approver": (*DECIDER, *OPERATOR, "jobs.view_job")}
SETTINGS = """
seed = 7
request-timeout = 30.0

[generation]
max-examples = 10

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409"]

[auth.dynamic.openapi.token]
path = "/api/login"
payload = {{ username = "{user}", password = "a-long-password" }}
extract_selector = "/token"
"""
"""400 is also what the records say no to, such as the signal of a job that does not wait."""


@pytest.fixture(autouse=True)
def as_often_as_one_likes(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for scope in ("login", "request"):
        monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, scope, "100000/sec")
    monkeypatch.setattr(configuration(), "stream_seconds", 0.05)


@pytest.fixture
def working(doorbells: Doorbells) -> Iterator[None]:
    """Jobs go on as they would with workers."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.05):
            doorbells.drain()
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    done.set()
    thread.join()


@pytest.mark.parametrize("user", USERS)
def test_nothing_is_answered_that_the_document_does_not_say(
    user: str, registered: Registered, world: World, doorbells: Doorbells, working: None, tmp_path: Path
) -> None:
    finishing(registered, world, "quick")
    asking(registered, world)
    people = {name: person(name, *rights, password="a-long-password") for name, rights in USERS.items()}
    requester: Door = door_of(people["requester"])
    parked(requester, doorbells)
    requester.message(agent="quick")
    file = tmp_path / "schemathesis.toml"
    file.write_text(SETTINGS.format(user=user))
    program = Path(sys.executable).with_name("schemathesis")
    with serving() as url:
        command = [str(program), "--config-file", str(file), "run", f"{url}openapi.json"]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900, check=False)
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2_000:]
