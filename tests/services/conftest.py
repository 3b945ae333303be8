"""Real instances for the launcher's tests: the command line is run as a user runs it."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aetheris.services import Instance, read_instance

ROOT = Path(__file__).parents[2]
SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.services.site_settings"}


@pytest.fixture(autouse=True)
def _own_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests start their own servers, not those of the test run."""
    for name in ("AETHERIS_DATABASE_URL", "AETHERIS_BROKER_URL", "AETHERIS_DATA"):
        monkeypatch.delenv(name, raising=False)


class Launcher:
    """`aetheris` for one data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def start(self, *arguments: str, environ: dict[str, str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "aetheris.cli", *arguments, "--data", str(self.data)],
            cwd=ROOT,
            env={**os.environ, **SETTINGS, **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, environ: dict[str, str] | None = None) -> tuple[int, str]:
        process = self.start(*arguments, environ=environ)
        output, _ = process.communicate(timeout=100)
        return process.returncode, output

    def up(self, *arguments: str) -> Instance:
        """An instance with one worker, in the background."""
        code, output = self.run("up", "--background", "--workers", "1", "--port", "18080", *arguments)
        assert code == 0, output
        instance = read_instance(self.data)
        assert instance is not None
        return instance

    def processes(self) -> list[str]:
        """Everything that has to do with the data folder."""
        entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [line for entry in entries if (line := self._own(entry))]

    def _own(self, entry: Path) -> str:
        mark = os.fsencode(self.data)
        try:
            command, environ = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            own = mark in command + environ or os.fsencode(os.readlink(entry / "cwd")).startswith(mark)
        except OSError:
            return ""
        return f"{entry.name} {command.replace(bytes(1), b' ').decode()}" if own else ""


def eventually(question: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.05)
    return question()


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    """A launcher whose instance is stopped after the test, and of which nothing may stay."""
    launcher = Launcher(tmp_path / "data")
    yield launcher
    launcher.run("down")
    assert eventually(lambda: not launcher.processes()), launcher.processes()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter: the tests' own temporary folders are private."""
    with tempfile.TemporaryDirectory(prefix="aetheris-open-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
