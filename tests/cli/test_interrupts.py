"""One Ctrl-C is enough, also where Python itself would lose it."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys, threading, time
from aetheris.cli.interrupts import heard

class Failing:
    def __del__(self):
        1 / 0

class Interrupted:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def interrupt_from_aside():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    time.sleep(0.5)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.{handler})
try:
    with heard():
        {lose}
        time.sleep(100)
except KeyboardInterrupt:
    sys.exit(130)
"""
SWALLOWED = "Failing(); Interrupted()"
# The main thread waits while another one gets the signal: as when it comes just before the main one begins to wait.
NOT_WOKEN = (
    "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]); threading.Thread(target=interrupt_from_aside).start()"
)
DEAF = "Interrupted(); sys.exit(signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0))"


def run(lose: str, handler: str = "default_int_handler") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", PROGRAM.format(lose=lose, handler=handler)]
    return subprocess.run(command, capture_output=True, text=True, timeout=90)


def test_an_interrupt_that_a_callback_swallows_is_raised_again() -> None:
    ended = run(SWALLOWED)
    assert ended.returncode == 130
    assert "<function Interrupted" not in ended.stderr
    assert "<function Failing" in ended.stderr


def test_an_interrupt_that_does_not_end_the_wait_is_heard_all_the_same() -> None:
    assert run(NOT_WOKEN).returncode == 130


@pytest.mark.parametrize(("handler", "code"), [("SIG_IGN", 0), ("SIG_DFL", -signal.SIGINT)])
def test_who_has_set_interrupts_otherwise_is_left_alone(handler: str, code: int) -> None:
    assert run(DEAF, handler).returncode == code
