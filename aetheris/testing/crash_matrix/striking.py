"""In a process that is to be struck: it tells where it is, and takes the blow at its place."""

import os
import signal
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db import connection

from aetheris.failpoints import strike
from aetheris.testing.crash_matrix.scenario import Blow, Place, Stroke

Tell = Callable[..., None]


class Striking:
    """Counts the failpoints of each act, and strikes at one of them, once."""

    def __init__(self, stroke: Stroke | None, tell: Tell, postmaster: int, woken: Callable[[], None]) -> None:
        self.act = ""
        self.reached_so_far: Counter[str] = Counter()
        self.places: list[str] = []
        self._stroke = stroke
        self._tell = tell
        self._postmaster = postmaster
        self._woken = woken

    def reached(self, failpoint: str) -> None:
        if not self.act:
            return
        self.reached_so_far[failpoint] += 1
        place = Place(self.act, failpoint, self.reached_so_far[failpoint])
        self.places.append(str(place))
        if self._stroke is not None and self._stroke.place == place:
            blow, self._stroke = self._stroke.blow, None
            self._tell(struck=str(place))
            self._deal(blow)

    def begin(self, act: str) -> None:
        """Failpoints belong to this act from now on."""
        self.act = act
        self.reached_so_far.clear()

    def _deal(self, blow: Blow) -> None:
        match blow:
            case Blow.KILL:
                strike(signal.SIGKILL)
            case Blow.ZOMBIE | Blow.LATE_ZOMBIE:
                strike(signal.SIGSTOP)
                self._woken()
            case Blow.CUT:
                shut(connection, socket.SHUT_RD)
            case Blow.DROP:
                shut(connection, socket.SHUT_RDWR)
            case Blow.DATABASE:
                os.kill(self._postmaster, signal.SIGKILL)


def shut(connection: Any, how: int) -> None:
    """Shut this connection's socket; with `SHUT_RD` the server still gets what is sent, and nothing comes back."""
    if connection.connection is not None and not connection.connection.closed:
        with socket.socket(fileno=os.dup(connection.connection.fileno())) as line:
            line.shutdown(how)
