"""The step contract: code of a node that is no tool does not reach the world outside.

A plan, a function, a workflow, a step and a transactional tool run `closed`: whatever they do to reach the network or
to start a program is refused, in production as in tests, because nobody would record it and a second run would repeat
it. The check is Python's own audit events, so it holds for every library; a thread that such code starts and C code
that opens its own sockets are not seen.
"""

import sys
from contextvars import ContextVar
from functools import cache
from typing import Any

from aetheris.core.errors import AetherisError
from aetheris.core.within import Within

OUTSIDE = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
        "subprocess.Popen",
        "os.exec",
        "os.posix_spawn",
        "os.system",
    }
)

_closed: ContextVar[str] = ContextVar("closed", default="")


class ContractViolated(AetherisError):
    """Code that must not reach the world outside tried to."""

    code = "STEP_CONTRACT_VIOLATED"


def closed(what: str) -> Within[str]:
    """Inside, this thread (or task) reaches nothing outside. `what` names the code in the error."""
    _watch()
    return Within(_closed, what)


def opened() -> Within[str]:
    """Inside, the world can be reached again: for the gateway alone."""
    return Within(_closed, "")


@cache
def _watch() -> None:
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in OUTSIDE and (what := _closed.get()):
        raise ContractViolated(
            f"{what} tried to reach the world outside ({event}). Declare a tool for it, and call that: "
            "only what passes the ledger is recorded, and not repeated.",
            details={"event": event},
        )
