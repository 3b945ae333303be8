"""Transactional tools: the rows that they write and the record of them are one transaction, so they happen once.

The tool runs first, inside a savepoint of its own; then the job is locked and the node committed. A failure takes the
tool's rows back and is recorded; a lease that was lost takes everything back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.db import connection

from aetheris.core import contract
from aetheris.core.context import StopRequest
from aetheris.core.errors import described
from aetheris.core.outcomes import Done, Doubt, Fail, Outcome
from jobs.engine import heartbeat
from jobs.engine.kinds.base import Claimed
from jobs.engine.kinds.table import KINDS
from jobs.engine.savepoint import savepoint
from jobs.engine.transaction import committing
from jobs.models import Job


class _TakenBack(Exception):
    """Leaves a block of the database, so that what it wrote is rolled back."""


@contextmanager
def performed(claimed: Claimed) -> Iterator[Outcome]:
    """Run the tool inside the transaction that the body belongs to, and yield its outcome."""
    try:
        with heartbeat.of_this_process().hold(claimed.token) as stop, committing("perform"):
            Job.objects.limit_statements(claimed.prepared.timeout)
            with contract.closed(f"The transactional tool of node {claimed.path}"):
                known = _call(claimed, stop)
            Job.objects.limit_statements(None)
            yield known
    except _TakenBack:
        return


def undo() -> None:
    """Called in the body where the lease was lost: the tool leaves nothing behind."""
    raise _TakenBack


def _call(claimed: Claimed, stop: StopRequest) -> Outcome:
    """Run the tool; what it wrote stays only if it is done."""
    if claimed.recorded is not None:
        return claimed.recorded
    known: Outcome = Doubt("TOOL_IN_DOUBT", "The tool did not end.")
    try:
        with savepoint():
            known = KINDS[claimed.type].call(claimed, stop)
            connection.check_constraints()  # the deferred ones too: what they refuse is the tool's failure
            if not isinstance(known, Done):
                raise _TakenBack
    except _TakenBack:
        return _certain(known)
    except BaseException as error:
        return Fail("TOOL_FAILED", described(error), again=True)
    return known


def _certain(known: Outcome) -> Outcome:
    """What was taken back did not happen, whatever the tool thinks."""
    match known:
        case Fail():
            return replace(known, result=None)
        case Doubt(code, message):
            return Fail(code, message, again=True)
        case _:
            return known
