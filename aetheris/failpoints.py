"""Failpoints: named places, before and after every commit and call outside, where a rig can strike a process.

`<verb>.commit.before` and `.after` enclose each COMMIT and each write that commits by itself; `<call>.before` and
`.after` each call of a tool, a hook, a model or the broker, whatever it ends in. Nothing is armed but by
`AETHERIS_FAILPOINTS` together with `AETHERIS_DEBUG`, or by a test; then a failpoint costs 0.06 microseconds, and a
whole commit with its name two.

    AETHERIS_FAILPOINTS="call_tool.after@2=kill, *.commit.before=sleep:0.5"

`NAME[@N]=ACTION`, separated by commas: a name or a glob, the N-th time that this process reaches one that it fits
(each time without `@N`), and `kill` (-9), `stop` (SIGSTOP), `raise`, `sleep:SECONDS` or `park:FILE`, which makes
`FILE.parked` and waits for `FILE`.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path

Handler = Callable[[str], None]
"""Is told the name of each failpoint that a thread of this process has reached, in that thread."""

UNNAMED = "unnamed"
PARK_SECONDS = 0.01

_handler: Handler | None = None
_verb: ContextVar[str] = ContextVar("verb", default="")


class Injected(Exception):
    """What the action `raise` raises."""


def failpoint(name: str) -> None:
    """A place with this name has been reached."""
    if _handler is not None:
        _handler(name)


class around:
    """The body stands between `<name>.before` and `<name>.after`, which is reached whatever it ends in."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        failpoint(f"{self._name}.before")

    def __exit__(self, *_: object) -> None:
        failpoint(f"{self._name}.after")


class during:
    """Commits of the body are this verb's, unless it is a part of another one."""

    def __init__(self, verb: str) -> None:
        self._name = verb

    def __enter__(self) -> None:
        self._before = _verb.set(_verb.get() or self._name)

    def __exit__(self, *_: object) -> None:
        _verb.reset(self._before)


def commit_of_this_verb() -> str:
    """The name that a COMMIT of this thread has now."""
    return f"{_verb.get() or UNNAMED}.commit"


@contextmanager
def armed(handler: Handler) -> Iterator[None]:
    """While the body runs, all threads of this process tell `handler` where they are."""
    global _handler
    before, _handler = _handler, handler
    try:
        yield
    finally:
        _handler = before


def arm(listed: str) -> None:
    """Arm what is listed until this process ends. Raises `ValueError`, which says what cannot be read."""
    global _handler
    faults = [_read(each.strip()) for each in listed.split(",") if each.strip()]

    def handler(name: str) -> None:
        for fault in faults:
            fault.reached(name)

    if faults:
        _handler = handler


@dataclass(frozen=True)
class _Fault:
    pattern: str
    number: int
    strike: Handler
    reached_before: Iterator[int] = field(default_factory=lambda: count(1))

    def reached(self, name: str) -> None:
        if fnmatchcase(name, self.pattern) and self.number in (0, next(self.reached_before)):
            self.strike(name)


def _read(text: str) -> _Fault:
    where, _, what = text.partition("=")
    pattern, _, number = where.partition("@")
    action, _, argument = what.partition(":")
    try:
        return _Fault(pattern, int(number or 0), ACTIONS[action](argument))
    except (KeyError, ValueError):
        raise ValueError(
            f"AETHERIS_FAILPOINTS has {text!r}, which is not NAME[@N]=ACTION with one of {', '.join(ACTIONS)}"
        ) from None


def strike(number: signal.Signals) -> None:
    """Send a signal to this very thread, so that not one instruction more of it is executed."""
    signal.pthread_kill(threading.get_ident(), number)


def _raise(argument: str) -> Handler:
    def raising(name: str) -> None:
        raise Injected(argument or name)

    return raising


def _sleep(argument: str) -> Handler:
    seconds = float(argument)
    return lambda _: time.sleep(seconds)


def _park(argument: str) -> Handler:
    """Two files, so that whoever holds the key knows that somebody stands at the door."""
    key, door = Path(argument), Path(f"{argument}.parked")

    def parking(name: str) -> None:
        door.touch()
        while not key.exists():
            time.sleep(PARK_SECONDS)

    return parking


ACTIONS: dict[str, Callable[[str], Handler]] = {
    "kill": lambda _: lambda _: strike(signal.SIGKILL),
    "stop": lambda _: lambda _: strike(signal.SIGSTOP),
    "raise": _raise,
    "sleep": _sleep,
    "park": _park,
}
