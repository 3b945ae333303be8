"""Processes of a test's own that are killed with -9 at a chosen point, on their way or in the middle of a call."""

import select
import signal
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from aetheris.failpoints import Handler, armed, strike
from aetheris.testing.fork import Child, Voice
from jobs.engine import heartbeat

NEVER = 0
LONGEST_SECONDS = 60
"""After that a process that hangs is ended, and counts as one that failed."""
ANSWER_SECONDS = 10.0
"""How long a killer waits for the answer that its victim is not to read."""
OF_ITS_OWN = "heartbeat"
"""The thread whose points come by the clock, so that they have no number."""


@dataclass(frozen=True)
class Ended:
    """How a process ended, and the points that it reached; if it was killed, then at the last of them."""

    points: list[str]
    killed: bool


def run_and_kill(body: Callable[[], object], at: int = NEVER) -> Ended:
    """Fork, run the body there, and kill that process just as it reaches its point of this number, from 1.

    Points are the failpoints of the engine and, while a tool or its hook is called, sockets: `send.before`, before each
    write, and `answer.before`, when the answer to what was written has come and is not read yet. Raises `RuntimeError`
    when the body fails there.
    """
    # A connection of the parent's must not be used, nor ended, by the child.
    ours: Any = connection
    ours.close()
    ours.close_pool()
    child = Child(lambda voice: _run(body, _Killer(voice, at)))
    told = list(child.lines())
    code = child.end()
    points = [line["point"] for line in told if "point" in line]
    broken = [line["broken"] for line in told if "broken" in line]
    if broken or code not in (0, -signal.SIGKILL):
        after = points[-1] if points else "nothing"
        raise RuntimeError("\n".join([f"The process ended with {code} after {after}.", *broken]))
    return Ended(points, killed=code != 0)


def _run(body: Callable[[], object], killer: "_Killer") -> None:
    """What the child does."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LONGEST_SECONDS)
    heartbeat.of_this_process.cache_clear()
    _watch_sockets(killer.in_a_call)
    with armed(killer.reached):
        body()


class _Killer:
    """Tells each point before it is passed, and kills this process at one of them."""

    def __init__(self, voice: Voice, at: int) -> None:
        self._voice = voice
        self._left = at
        self._is_calling = False

    def reached(self, point: str) -> None:
        if threading.current_thread().name == OF_ITS_OWN:
            return
        call, _, side = point.rpartition(".")
        if call in ("call_tool", "reconcile"):
            self._is_calling = side == "before"
        self._voice.tell(point=point)
        self._left -= 1
        if self._left == 0:
            strike(signal.SIGKILL)

    def in_a_call(self, point: str) -> None:
        if self._is_calling:
            self.reached(point)


def _watch_sockets(reached: Handler) -> None:
    """Tell of every write of this process, and of every answer that has come."""
    unanswered: set[int] = set()

    def sending(plain: Any) -> Any:
        def send(self: socket.socket, *rest: Any) -> Any:
            reached("send.before")
            unanswered.add(self.fileno())
            return plain(self, *rest)

        return send

    def receiving(plain: Any) -> Any:
        def receive(self: socket.socket, *rest: Any) -> Any:
            if self.fileno() in unanswered:
                unanswered.remove(self.fileno())
                select.select([self], [], [], ANSWER_SECONDS)
                reached("answer.before")
            return plain(self, *rest)

        return receive

    for kind in (socket.socket, ssl.SSLSocket):
        for name in ("send", "sendall"):
            setattr(kind, name, sending(getattr(kind, name)))
        for name in ("recv", "recv_into"):
            setattr(kind, name, receiving(getattr(kind, name)))
