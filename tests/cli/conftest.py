"""The command line against a real web process on this test's database, as people with tokens of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aetheris.cli import app
from tests.doors import DECIDER, OPERATOR, REQUESTER, Door, door
from tests.web import serving

OURS = ("AETHERIS_DATA", "AETHERIS_API_URL", "AETHERIS_TOKEN", "COLUMNS")


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The body of an error that was asked for as JSON."""
        found: dict[str, Any] = json.loads(self.err)["error"]
        return found


@dataclass(frozen=True)
class Person:
    """Somebody at a terminal, with a token for one address."""

    url: str
    token: str
    data: Path

    def __call__(self, *arguments: str, typed: str = "") -> Said:
        """Run a command in this process."""
        answer = CliRunner().invoke(app, list(arguments), env=self.environ, input=typed)
        assert "Traceback" not in answer.output
        return Said(answer.exit_code, answer.stdout, answer.stderr)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Run a command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "aetheris.cli", *arguments],
            env={**os.environ, **self.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hear_ctrl_c,
        )

    @property
    def environ(self) -> dict[str, str]:
        return {"AETHERIS_API_URL": self.url, "AETHERIS_TOKEN": self.token, "AETHERIS_DATA": str(self.data)}


def _hear_ctrl_c() -> None:
    """A shell starts what runs in the background deaf to Ctrl-C, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _no_instance_of_mine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OURS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def web(database: None) -> Iterator[str]:
    with serving() as url:
        yield url.removesuffix("/api/")


@pytest.fixture
def requester_door(doorbells: Any) -> Door:
    return door("requester", *REQUESTER)


@pytest.fixture
def requester(web: str, requester_door: Door, tmp_path: Path) -> Person:
    return Person(web, requester_door.token, tmp_path)


@pytest.fixture
def approver(web: str, tmp_path: Path) -> Person:
    return Person(web, door("approver", *DECIDER).token, tmp_path)


@pytest.fixture
def operator(web: str, tmp_path: Path) -> Person:
    return Person(web, door("operator", "jobs.view_job", *OPERATOR).token, tmp_path)
