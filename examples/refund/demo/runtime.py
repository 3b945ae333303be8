"""A runtime of the demo's own: `aetheris up` in a fresh folder, gone without a trace when the demo is."""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from examples.refund.demo.instance import COMPANIONS, NoInstance, read
from examples.refund.demo.keeper import KEEP_LOGS
from examples.refund.world.model import RULES

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 100
LEASE_SECONDS = 5
"""Shorter than usual: so long the node of a killed worker stays its own."""
SHARED = frozenset({"AETHERIS_DATABASE_URL", "AETHERIS_BROKER_URL"})
"""What would lead the demo's runtime to servers that are not its own."""


def fresh_folder() -> Path:
    """A name that is free. `aetheris up` makes the folder, so a demo that is stopped early leaves none."""
    return Path(tempfile.gettempdir()) / f"aetheris-demo-{uuid4().hex[:12]}"


@dataclass
class OwnRuntime:
    """A runtime of this process's own: the effect class of its refunds, its folder, and whether its logs are wanted
    when it is gone."""

    effect: str = "idempotent"
    folder: Path = field(default_factory=fresh_folder)
    keep_logs: bool = True


@contextmanager
def running(runtime: OwnRuntime) -> Iterator[None]:
    """Start it; stop it and remove its folder at the end, Ctrl-C and kill -9 included."""
    keeper = None
    try:
        keeper = start_keeper(runtime)
        wait_until_ready(runtime.folder, keeper)
        yield
    except KeyboardInterrupt:
        runtime.keep_logs = False
        raise
    finally:
        if keeper:
            keeper.communicate(KEEP_LOGS if runtime.keep_logs else b"")


def start_keeper(runtime: OwnRuntime) -> "subprocess.Popen[bytes]":
    """The process that starts the runtime and takes it away when this process ends, whatever ends it."""
    return subprocess.Popen(
        [sys.executable, "-m", "examples.refund.demo.keeper", str(runtime.folder), *up(runtime.folder)],
        stdin=subprocess.PIPE,
        cwd=ROOT,
        env=environment(runtime.effect),
        # Ctrl-C at the terminal is for the demo; the keeper ends when its input does.
        start_new_session=True,
    )


def up(folder: Path) -> list[str]:
    """The command that starts the runtime, its workers and the demo's world."""
    command = [sys.executable, "-m", "aetheris.cli", "up", "--data", str(folder), "--app", "examples.refund"]
    for service, name in COMPANIONS.items():
        program = shlex.join([sys.executable, "-m", f"examples.refund.world.{service}"])
        command += ["--with", f"{name}={program}"]
    return command


def environment(effect: str) -> dict[str, str]:
    """This process's environment, with the effect class of a refund, a short lease, and the model to ask: a real one
    when there is a key, else the rules."""
    named = os.environ.get("OPENAI_MODEL") or "gpt-4o-mini"
    model = named if os.environ.get("OPENAI_API_KEY") else RULES
    inherited = {name: value for name, value in os.environ.items() if name not in SHARED}
    # Everything but a real model is on this machine, where a proxy that the environment names cannot reach it.
    direct = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1,localhost"]))
    return {
        **inherited,
        "REFUND_EFFECT": effect,
        "AETHERIS_LEASE_SECONDS": str(LEASE_SECONDS),
        "AETHERIS_MODEL": f"openai:{model}",
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def wait_until_ready(folder: Path, keeper: "subprocess.Popen[bytes]") -> None:
    """Wait until the runtime is healthy. Raises `NoInstance` when it ended instead, or took too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and keeper.poll() is None:
        try:
            read(folder)
            return
        except NoInstance:
            time.sleep(0.1)
    raise NoInstance("The runtime did not start.")
