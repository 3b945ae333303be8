"""Failpoints: named places where a rig can strike a process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from aetheris import failpoints
from aetheris.conf import Configuration
from aetheris.failpoints import Injected, arm, armed, around, commit_of_this_verb, during, failpoint
from tests.docs.reading import ROOT

PROGRAM = """
import sys
from aetheris.failpoints import arm, failpoint
arm(sys.argv[1])
for name in sys.argv[2:]:
    print(name, flush=True)
    failpoint(name)
print("the end", flush=True)
"""


def reaching(listed: str, *names: str) -> "subprocess.Popen[str]":
    """A process with these faults that reaches these failpoints, and tells each just before."""
    command = [sys.executable, "-c", PROGRAM, listed, *names]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_it_is_killed_where_it_was_told_to_be_and_not_before() -> None:
    process = reaching("b=kill", "a", "b", "c")
    told, _ = process.communicate(timeout=20)
    assert (told.split(), process.returncode) == (["a", "b"], -signal.SIGKILL)


def test_the_time_counts_at_which_it_is_reached() -> None:
    process = reaching("a.*@3=kill", "a.x", "b.x", "a.y", "a.x", "a.x")
    told, _ = process.communicate(timeout=20)
    assert (len(told.split()), process.returncode) == (4, -signal.SIGKILL)


def test_it_stops_and_goes_on_when_it_is_told_to() -> None:
    process = reaching("a=stop", "a")
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    os.kill(process.pid, signal.SIGCONT)
    told, _ = process.communicate(timeout=20)
    assert told.splitlines()[-1] == "the end"


def test_it_is_parked_until_somebody_opens(tmp_path: Path) -> None:
    key = tmp_path / "key"
    process = reaching(f"a=park:{key}", "a")
    while not key.with_name("key.parked").exists():
        assert process.poll() is None
        time.sleep(0.01)
    assert process.poll() is None
    key.touch()
    told, _ = process.communicate(timeout=20)
    assert told.splitlines()[-1] == "the end"


def test_it_raises_and_it_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failpoints, "_handler", None)
    arm("a=raise:no luck, b=sleep:0.05")
    with pytest.raises(Injected, match="no luck"):
        failpoint("a")
    began = time.monotonic()
    failpoint("b")
    assert time.monotonic() - began >= 0.05


def test_both_sides_of_what_raises_are_reached() -> None:
    reached: list[str] = []
    with pytest.raises(OSError, match="gone"), armed(reached.append), around("call"):
        raise OSError("gone")
    failpoint("nobody listens any more")
    assert reached == ["call.before", "call.after"]


def test_a_part_of_a_commit_does_not_name_it() -> None:
    with during("fire"), during("submit"):
        assert commit_of_this_verb() == "fire.commit"
    assert commit_of_this_verb() == "unnamed.commit"


@pytest.mark.parametrize("listed", ["a", "a=", "a=explode", "a@often=kill", "a=sleep:long"])
def test_what_cannot_be_read_is_said(listed: str) -> None:
    with pytest.raises(ValueError, match="AETHERIS_FAILPOINTS"):
        arm(listed)


def test_nobody_arms_them_by_accident() -> None:
    with pytest.raises(ValidationError, match="AETHERIS_DEBUG"):
        Configuration(failpoints="a=kill")


def test_a_process_that_fails_on_purpose_says_so() -> None:
    environ = {**os.environ, "AETHERIS_DEBUG": "true", "AETHERIS_FAILPOINTS": "claim.commit.before=kill"}
    command = [sys.executable, "manage.py", "check"]
    told = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
    assert "FAILPOINTS ARE ARMED" in told.stderr
    assert told.returncode == 0
