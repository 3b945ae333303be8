"""Perform: run the handlers of claimed nodes, outside any transaction."""

import time
from contextlib import AbstractContextManager, ExitStack

from aetheris.core import contract
from aetheris.core.errors import described
from aetheris.core.log_fields import about
from aetheris.core.outcomes import Doubt, Outcome
from jobs.engine import heartbeat, pace
from jobs.engine.bells import Bells
from jobs.engine.kinds import ask, check
from jobs.engine.kinds.base import Claimed, Purpose
from jobs.engine.kinds.table import KINDS
from jobs.engine.patience import given_back, set_aside

Performed = list[tuple[Claimed, Outcome | None]]
"""Nodes, and what their runs ended in; one without an outcome is run inside its commit."""
QUESTIONS = {Purpose.ASK: ask, Purpose.CHECK: check}


def perform_together(claimed: list[Claimed], bells: Bells) -> Performed:
    """Run these nodes in turn until that has taken a moment; how those that were run have ended. Others are called
    where one waits for something outside, or computes for long."""
    for node in claimed:
        bells.drop(node.path)
    if not claimed[0].only_computes:
        bells.ring()
    performed: Performed = []
    ends = time.monotonic() + pace.QUICK_SECONDS
    with ExitStack() as held, bells.rung_if_slow():
        for waiting in claimed[1:]:
            held.enter_context(heartbeat.of_this_process().hold(waiting.token))
        for node in claimed:
            began = time.monotonic()
            performed.append((node, perform(node)))
            pace.note(node.pace_name, time.monotonic() - began)
            if time.monotonic() > ends:
                break
    return performed


def perform(claimed: Claimed) -> Outcome | None:
    """Call the node's handler, holding the lease, and a connection only where it computes; None for one that belongs
    into its commit. Raises nothing."""
    if claimed.is_transactional:
        return None
    if claimed.recorded is not None:
        return claimed.recorded
    connection_meanwhile: AbstractContextManager[None] = set_aside() if claimed.only_computes else given_back()
    try:
        with (
            about(tenant=claimed.job.tenant, job_id=str(claimed.job.pk), node=claimed.path),
            connection_meanwhile,
            heartbeat.of_this_process().hold(claimed.token) as stop,
            contract.closed(f"Node {claimed.path}"),
        ):
            handler = QUESTIONS[claimed.question.purpose] if claimed.question else KINDS[claimed.type]
            return handler.call(claimed, stop)
    except BaseException as error:
        # SystemExit and its like come from the handler's code: the thread is the pool's, and the node must end.
        return Doubt("HANDLER_BROKE_OUT", described(error))
