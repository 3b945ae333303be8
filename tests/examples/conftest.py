"""One running instance for all tests of the demo, and the demo as what it is: a process."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples.refund.demo.runtime import ROOT, OwnRuntime, running

RunDemo = Callable[..., "subprocess.CompletedProcess[str]"]


@contextmanager
def runtime_of(effect: str) -> Iterator[Path]:
    """The data folder of a real runtime with the demo's world, whose refunds are of this effect class. Each demo logs
    in anew: more often in a minute than people do."""
    runtime = OwnRuntime(effect)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AETHERIS_LOGIN_RATE", "1000/min")
        with running(runtime):
            yield runtime.folder
            runtime.keep_logs = False


@pytest.fixture(scope="session")
def data() -> Iterator[Path]:
    with runtime_of("idempotent") as folder:
        yield folder


@pytest.fixture
def demo(data: Path) -> RunDemo:
    """Run the demo on that instance and return its output and exit code."""

    def run(*options: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "examples.refund.demo", "--data", str(data), *options]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)

    return run
