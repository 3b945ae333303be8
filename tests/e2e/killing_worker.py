"""A worker that kills or stops itself at a chosen moment of the node `pay`; without one, a worker like any other.

`python -m tests.e2e.killing_worker` loads everything, then forks one Celery worker for each JSON line on its standard
input, `{"moment", "blow"}`, tells its pid, and its exit code when it has ended. The product has no hooks for this: what
the moments lie between is wrapped here, in the child. The signal goes to the very thread that has reached the moment,
so that not one instruction more of it is executed.
"""

import ctypes
import json
import os
import signal
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import Any

PR_SET_PDEATHSIG = 1


class Moment(StrEnum):
    """Where the worker is when it happens, in the order in which it gets there."""

    BEFORE_OPENING = "before the entry's commit"
    BEFORE_CALL = "after the entry's commit, before the call"
    BEFORE_REQUEST = "in the call, before its request"
    AFTER_CALL = "after the call"
    BEFORE_COMMIT = "before the commit"
    AFTER_COMMIT = "after the commit"


class Blow:
    """Strikes once, at its moment. `opened` and `called`: what this thread has done in its node `pay`."""

    def __init__(self, moment: str, number: int) -> None:
        self._moment = moment
        self._number = number
        self._lock = threading.Lock()
        self.here = threading.local()

    def reached(self, moment: Moment) -> None:
        if moment == self._moment and self._lock.acquire(blocking=False):
            signal.pthread_kill(threading.get_ident(), self._number)


def struck(blow: Blow) -> AbstractContextManager[None]:
    """Put the blow's moments around what the engine calls, and inside the body around its commits."""
    from aetheris import failpoints
    from aetheris.core.egress import Egress
    from jobs.engine import gateway
    from ledger import entries

    here = blow.here
    open_entry, call_tool, request = entries.open_entry, gateway.call_tool, Egress.request

    def opening(book: Any, job: Any, node: str, *rest: Any, **options: Any) -> Any:
        here.opened = node == "pay"
        return open_entry(book, job, node, *rest, **options)

    def calling(*arguments: Any) -> Any:
        blow.reached(Moment.BEFORE_CALL)
        outcome = call_tool(*arguments)
        blow.reached(Moment.AFTER_CALL)
        here.called = True
        return outcome

    def requesting(*arguments: Any, **options: Any) -> Any:
        blow.reached(Moment.BEFORE_REQUEST)
        return request(*arguments, **options)

    def committing(name: str) -> None:
        if name.endswith(".commit.before") and getattr(here, "opened", False):
            blow.reached(Moment.BEFORE_OPENING)
        if name.endswith(".commit.before") and getattr(here, "called", False):
            blow.reached(Moment.BEFORE_COMMIT)
        if name.endswith(".commit.after") and getattr(here, "called", False):
            blow.reached(Moment.AFTER_COMMIT)

    for where, name, wrapped in (
        (entries, "open_entry", opening),
        (gateway, "call_tool", calling),
        (Egress, "request", requesting),
    ):
        setattr(where, name, wrapped)
    return failpoints.armed(committing)


def begin(moment: str, blow: str) -> None:
    """Become a worker."""
    from celery.__main__ import main as celery

    from aetheris.services.roles import worker_command
    from jobs.engine import stopping

    stopping.forget()  # it is shared memory: the worker before this one may have been told to end
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _, module, *arguments = worker_command(f"worker-{os.getpid()}@%h", 2)
    sys.argv = [module, *arguments]
    with struck(Blow(moment, signal.Signals[blow])) if moment else nullcontext():
        sys.exit(celery())


def main() -> None:
    import django

    django.setup()
    import celery.concurrency.thread  # noqa: F401  loaded once, for all of them
    import kombu.transport.redis  # noqa: F401

    from jobs import receiver  # noqa: F401

    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            begin(**json.loads(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
