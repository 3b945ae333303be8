"""One Ctrl-C is enough, also where Python itself would lose it."""

import signal
import subprocess
import sys

import pytest

LOST = """
import signal, sys, time
from aetheris.cli.interrupts import heard

class Failing:
    def __del__(self):
        1 / 0

class Interrupted:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.{handler})
with heard():
    Failing()
    Interrupted()
    if signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0):
        sys.exit("nothing more is heard")
    time.sleep(100)
"""


def run(handler: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", LOST.format(handler=handler)]
    return subprocess.run(command, capture_output=True, text=True, timeout=90)


def test_an_interrupt_that_a_callback_swallows_is_raised_again() -> None:
    ended = run("default_int_handler")
    assert ended.returncode == -signal.SIGINT
    assert ended.stderr.endswith("KeyboardInterrupt\n")
    assert "in look" in ended.stderr
    assert "<function Interrupted" not in ended.stderr
    assert "<function Failing" in ended.stderr


@pytest.mark.parametrize(("handler", "code"), [("SIG_IGN", 1), ("SIG_DFL", -signal.SIGINT)])
def test_who_has_set_interrupts_otherwise_is_left_alone(handler: str, code: int) -> None:
    ended = run(handler)
    assert ended.returncode == code
    assert ("nothing more is heard" in ended.stderr) == (code == 1)
