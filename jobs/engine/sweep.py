"""Sweep: what time alone brings about. Bounded, safe to run twice at once, and never needed for correctness.

Doorbells do not multiply: a node is rung for once when it becomes due; after that a queue, not a node, is rung for
again, a handful at a time, with growing pauses.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from jobs.engine import dispatch, schedule
from jobs.engine.overdue import fail_if_overdue
from jobs.engine.reclaim import reclaim_if_expired
from jobs.engine.tick import tick
from jobs.engine.time_out import time_out_if_due
from jobs.engine.transaction import committing
from jobs.models import Bell, Job, Node
from signals_app.models import Wait

logger = logging.getLogger(__name__)

PAGE = 100
DOORBELL_PATIENCE = timedelta(seconds=10)
"""How long a doorbell may go unanswered before it counts as lost."""
HANDFUL = 5
"""How many lost doorbells of a queue ring again at once."""
SHORTEST_PAUSE, LONGEST_PAUSE, PAUSE_WHILE_MOVING = 10, 300, 60
"""Seconds between two handfuls of a queue: doubled each time while nothing of it is begun, else the last one."""


def sweep(rest: timedelta = timedelta(0)) -> dict[str, int]:
    """Reclaim expired leases, time out waits, fail overdue jobs, fire schedules, ring for due nodes; how many of each.

    Does nothing, and says so by an empty answer, when a sweep began less than `rest` ago.
    """
    turn = tick(rest)
    if turn is None or turn.last_at is None:
        return {}
    now = turn.last_at
    quiet = turn.quiet_until is not None and now < turn.quiet_until
    return {
        "reclaimed": 0 if quiet else _each(reclaim_if_expired, Node.objects.expired(now, PAGE)),
        "timed_out": _each(time_out_if_due, Wait.objects.due(now, PAGE)),
        "overdue": _each(fail_if_overdue, [(job_id,) for job_id in Job.objects.overdue(now, PAGE)]),
        "fired": schedule.fire_due(now, PAGE),
        "rung": _ring(Node.objects.never_rung(now, PAGE)) + _ring_again(now),
    }


def _each(verb: Callable[..., bool], found: Iterable[tuple[Any, ...]]) -> int:
    """Apply a verb to each; how many it did something for. One that fails keeps nothing from the others."""
    done = 0
    for arguments in found:
        try:
            done += verb(*arguments)
        except Exception:
            logger.exception("%s%s failed; the next sweep tries again", verb.__name__, arguments)
    return done


def _ring_again(now: datetime) -> int:
    """Ring for the nodes of each queue whose doorbells were lost; how many."""
    lost = Node.objects.lost(DOORBELL_PATIENCE, HANDFUL)
    return sum(_ring(nodes) for queue, nodes in lost.items() if _may_ring(queue, now))


@committing("bell")
def _may_ring(queue: str, now: datetime) -> bool:
    """Whether this sweep is the one to ring for lost doorbells of this queue, and now."""
    bell = Bell.objects.of_queue(queue)
    moving = Node.objects.is_moving(queue, now - DOORBELL_PATIENCE)
    silent = None if bell.rung_at is None else (now - bell.rung_at).total_seconds()
    if silent is not None and silent < (PAUSE_WHILE_MOVING if moving else bell.pause_seconds):
        return False
    forgotten = silent is None or silent > 2 * LONGEST_PAUSE
    pause = SHORTEST_PAUSE if moving or forgotten else min(LONGEST_PAUSE, 2 * bell.pause_seconds)
    mine = Bell.objects.ring(bell, now, pause)
    if mine and not (moving or forgotten):
        logger.warning("nobody begins what is ready in queue %s: start a worker for it, or more of them", queue)
    return mine


def _ring(nodes: list[Node]) -> int:
    """Ring for these nodes; how many."""
    marked = [node for node in nodes if dispatch.may_ring(node)]
    for node in marked:
        dispatch.ring(node.job_id, node.path, node.queue, node.priority)
    return len(marked)
