"""The demo with a runtime of its own: quick, and without a trace afterwards, however it ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from examples.refund.demo.blow import SEEN
from examples.refund.demo.runtime import ROOT
from examples.refund.tools import REFUNDS
from tests.docs.reading import blocks, shown
from tests.examples.services import Service

SHOWN = shown(next(block for _, block in blocks(ROOT / "README.md", "text") if block.startswith("Starting")))
Demo = Callable[..., "subprocess.Popen[str]"]


def _hear_ctrl_c() -> None:
    """A shell starts what runs in the background deaf to Ctrl-C, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Demo]:
    """Start the demo; its folder is made inside `tmp_path`, where nothing else is."""
    started: list[subprocess.Popen[str]] = []

    def demo(*options: str, **environment: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "examples.refund.demo", *options],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(tmp_path), **environment},
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=_hear_ctrl_c,
        )
        started.append(process)
        return process

    yield demo
    for process in started:
        process.kill()
        process.communicate()


def wait_for_line(demo: "subprocess.Popen[str]", start: str) -> None:
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith(start):
            return
    raise AssertionError(f"the demo never said {start!r}")


def alive(folder: Path) -> list[str]:
    """Command lines of the processes that name this folder or anything in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if f"{folder}/aetheris-demo".encode() in said:
            found.append(said.partition(b"\0\0")[0].decode(errors="replace"))
    return found


def gone(folder: Path, seconds: float = 45) -> bool:
    """Whether, in this time, no process and no file of the demo is left."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not alive(folder) and not list(folder.iterdir()):
            return True
        time.sleep(0.2)
    return False


@pytest.mark.parametrize("effect", REFUNDS)
def test_it_runs_in_under_a_minute_and_leaves_nothing(start: Demo, tmp_path: Path, effect: str) -> None:
    began = time.monotonic()
    demo = start("--effect", effect)
    output, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, output
    assert "✓ The worker that sent it was killed with kill -9" in output
    assert output.endswith(f"✓ {SEEN[effect][0]}\n")
    if effect == "idempotent":
        assert SHOWN.search(output), "the README shows another demo"
    assert time.monotonic() - began < 60
    assert alive(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_order_ends_with_2_and_leaves_nothing(start: Demo, tmp_path: Path) -> None:
    demo = start("--order", "order-99999")
    output, _ = demo.communicate(timeout=120)
    assert demo.returncode == 2
    assert "✗ There is no order order-99999." in output
    assert gone(tmp_path, seconds=1)


@pytest.mark.parametrize(
    ("moment", "later"),
    [("Starting a runtime", 0), ("Starting a runtime", 3), ("✓ Job created", 0), ("✓ The worker that sent it", 0)],
)
def test_ctrl_c_ends_with_130_and_leaves_nothing(start: Demo, tmp_path: Path, moment: str, later: float) -> None:
    demo = start()
    wait_for_line(demo, moment)
    time.sleep(later)
    demo.send_signal(signal.SIGINT)
    assert demo.wait(timeout=60) == 130
    # Before the keeper is known the demo cannot wait for it, but it ends all the same.
    early = (moment, later) == ("Starting a runtime", 0)
    assert gone(tmp_path, seconds=45 if early else 1), alive(tmp_path)


def test_even_kill_9_leaves_nothing(start: Demo, tmp_path: Path) -> None:
    demo = start()
    wait_for_line(demo, "✓ Job created")
    demo.kill()
    assert gone(tmp_path), alive(tmp_path)


def test_a_runtime_that_cannot_start_is_1_and_its_logs_stay(start: Demo, tmp_path: Path) -> None:
    demo = start(AETHERIS_NODE_TIMEOUT_SECONDS="soon")
    output, _ = demo.communicate(timeout=120)
    assert demo.returncode == 1
    (kept,) = tmp_path.iterdir()
    assert output.endswith(f"The logs are in {kept}.\n")
    assert "node_timeout_seconds" in (kept / "up.log").read_text()
    assert alive(tmp_path) == []


def test_with_a_key_the_real_model_is_asked_once(start: Demo, tmp_path_factory: pytest.TempPathFactory) -> None:
    real = Service("model", tmp_path_factory.mktemp("real"))
    try:
        demo = start(OPENAI_API_KEY="a-key", OPENAI_BASE_URL=f"{real.url}/v1", OPENAI_MODEL="any")
        output, _ = demo.communicate(timeout=120)
        assert demo.returncode == 0, output
        assert real.get("/log").json() == {"requests": 1}
    finally:
        real.end()
