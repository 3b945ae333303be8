"""Afresh: stored events are replayed by a new process that reaches no database, network, clock or randomness (I12).

`python -m aetheris.testing.afresh` reads a job's events from each line and tells the hash of its state.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from aetheris.testing.invariants.story import Story
    from jobs.engine.fold import JobView

NOWHERE = {"AETHERIS_DATABASE_URL": "postgresql://nobody@nowhere.invalid/nothing", "AETHERIS_SECRET_KEY": "replay"}
SHUT = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork")
CLOCKS = ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep")


def state_hash(view: "JobView") -> str:
    """The SHA-256 of everything that a replay has found out."""
    text = json.dumps(asdict(view), sort_keys=True, default=sorted)
    return hashlib.sha256(text.encode()).hexdigest()


def line_of(story: "Story") -> str:
    """A job's events, as the new process reads them."""
    names = ("seq", "type", "category", "node")
    events = [{name: getattr(event, name) for name in names} for event in story.events]
    return json.dumps({"job": str(story.job.pk), "events": events, "payloads": story.payloads}, default=_plain)


def replayed_afresh(lines: list[str]) -> dict[str, str]:
    """Job → the hash of its state, as a new process tells it; under "" why it broke off, if it did."""
    command = [sys.executable, "-m", "aetheris.testing.afresh"]
    environ = {**os.environ, **NOWHERE, "DJANGO_SETTINGS_MODULE": "aetheris.settings"}
    answer = subprocess.run(command, input="\n".join(lines), env=environ, capture_output=True, text=True, check=False)
    return dict(json.loads(answer.stdout)) if answer.returncode == 0 else {"": answer.stderr[-500:]}


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def shut_the_world_out() -> None:
    """From now on this process cannot reach anything outside, nor tell the time, nor draw a number."""

    def refuse(event: str, _: tuple[Any, ...]) -> None:
        if event.startswith(SHUT):
            raise RuntimeError(f"a replay tried to reach the world: {event}")

    sys.addaudithook(refuse)
    for module, names in ((time, CLOCKS), (random, ("random", "getrandbits")), (os, ("urandom",)), (uuid, ("uuid4",))):
        for name in names:
            setattr(module, name, _refused)


def _refused(*_: object) -> NoReturn:
    raise RuntimeError("a replay asked for the time or for a random number")


def _hashes() -> Iterator[tuple[str, str]]:
    from jobs.engine.replay import replay
    from ledger.models import Event

    for line in sys.stdin:
        told = json.loads(line)
        yield told["job"], state_hash(replay([Event(**each) for each in told["events"]], told["payloads"]))


if __name__ == "__main__":
    import django

    django.setup()
    shut_the_world_out()
    print(json.dumps(list(_hashes())))
