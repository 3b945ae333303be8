"""Doorbells: a Celery message says "look at this node". Losing or doubling one changes only the speed."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from celery import current_app
from redis.exceptions import ConnectionError

from aetheris import failpoints, transport
from aetheris.core.ids import new_id
from jobs.due_querysets import Due
from jobs.engine import pace
from jobs.messages import RESCUE, RUN_NODE
from jobs.models import Job, Node

logger = logging.getLogger(__name__)

Ring = Callable[[], None]

REST = 2
"""How many times as long as a message took to fail none is sent. Whoever rings holds a lease or answers a request; a
broker that takes connections and says nothing would cost it seconds for each doorbell."""


MANY = 8
"""Doorbells in a row after which it is asked how many lie there, and then so many more as there is room for. More than
that in a queue wake nobody: whoever is awake goes on with what is due."""
ROW_SECONDS = 0.1
FULL_SECONDS = 0.02


class _Broker:
    """Until when this process leaves the broker alone."""

    rests_until = 0.0


class _Row:
    """Doorbells that this process rings for one queue, one shortly after the other."""

    def __init__(self) -> None:
        self._room = MANY
        self._last = 0.0
        self._full_until = 0.0

    def is_of_use(self, queue: str) -> bool:
        """Whether one more of them could wake somebody."""
        now = time.monotonic()
        if now >= self._last + ROW_SECONDS:
            self._room = MANY
        self._last = now
        if self._room == 0 and now >= self._full_until:
            self._room = max(0, MANY - _waiting(queue))
            self._full_until = now if self._room else now + FULL_SECONDS
        if self._room == 0:
            return False
        self._room -= 1
        return True


_rows: defaultdict[str, _Row] = defaultdict(_Row)


def bells_for(nodes: Sequence[Due], most: int) -> Ring:
    """Doorbells for these nodes, but for no more than `most`: whoever comes goes on with the next one."""
    bells = [
        bell(node.job_id, node.path, node.queue, node.priority, pace.name_of(node.agent, node.type, node.config))
        for node in nodes[:most]
    ]
    return partial(_ring_all, bells)


def bell(job_id: UUID, path: str, queue: str, priority: int, pace_name: str = "") -> Ring:
    """A doorbell, made ready: what is returned rings it. A broker that does not answer is only a delay: the sweep rings
    again. By `pace_name` the worker knows how quickly such nodes have run there."""
    if not _rows[queue].is_of_use(queue):
        return no_bells()
    headers = {pace.HEADER: pace_name} if pace_name else {}
    return _message(RUN_NODE, (str(job_id), path), queue=queue, priority=priority, headers=headers)


def ring(job_id: UUID, path: str, queue: str, priority: int) -> None:
    """Ring now."""
    bell(job_id, path, queue, priority)()


def may_ring(node: Node | Due) -> bool:
    """Note a doorbell; whether this process is the one to ring it. Two at once ring once: the mark is a
    compare-and-set."""
    with failpoints.around("mark_rung.commit"):
        return Node.objects.mark_rung(node, Job.objects.now())


def ask_for_rescue(job_id: str, activation: str) -> None:
    """Have a worker take back what this activation of a lost process holds; after its lease that is done anyway."""
    _message(RESCUE, (job_id, activation), queue="realtime")()


def _waiting(queue: str) -> int:
    """How many messages lie in a queue that no worker has taken; 0 where the broker does not say."""
    pool: Any = current_app.pool
    try:
        with pool.acquire(block=True) as connection:
            # Of kombu's public ways to ask, none knows Redis keys with a prefix.
            return int(connection.default_channel._size(queue))
    except Exception:
        return 0


def no_bells() -> Ring:
    """Nobody is to be woken."""
    return partial(_ring_all, ())


def _ring_all(bells: Sequence[Ring]) -> None:
    for ring_one in bells:
        ring_one()


def _message(name: str, ids: tuple[str, str], **options: Any) -> Ring:
    """A message that is made now; what is returned sends it. Neither raises."""
    made: list[Ring] = []
    publish = partial(_publish, name, ids, options)
    _try(lambda: made.extend(_held(publish)), f"{name} {ids}")
    return partial(_try, partial(_send, made, publish), f"{name} {ids}")


def _held(publish: Callable[..., None]) -> list[Ring]:
    """Its message, made already; by another transport than ours it is made when it is sent."""
    with current_app.producer_or_acquire() as producer:
        # Not by its channel: to ask for that would connect, with kombu's patience instead of ours.
        if not isinstance(producer.connection.transport, transport.Transport):
            return [publish]
        with transport.held() as messages:
            publish(producer)
    return messages


def _send(messages: Sequence[Ring], publish: Ring) -> None:
    with failpoints.around("ring"):
        try:
            transport.send(messages)
        except ConnectionError:
            # The line was ended at its other end: Celery connects anew, or to the next broker of several.
            publish()


def _publish(name: str, ids: tuple[str, str], options: dict[str, Any], producer: Any = None) -> None:
    """What `send_task` does, without what it does for those who want a result."""
    amqp = current_app.amqp
    # Nobody reads what the arguments look like.
    message = amqp.as_task_v2(str(new_id()), name, ids, {}, argsrepr="", kwargsrepr="")
    with current_app.producer_or_acquire(producer) as mine:
        # The anonymous exchange needs no queue to be declared.
        amqp.send_task_message(mine, name, message, declare=[], **options)


def _try(act: Ring, what: str) -> None:
    """Leave the broker alone for a while after it has failed."""
    began = time.monotonic()
    if began < _Broker.rests_until:
        return
    try:
        act()
    except Exception as error:
        ended = time.monotonic()
        rest = REST * (ended - began)
        _Broker.rests_until = ended + rest
        logger.warning("no message %s, and none for the next %.1f s: %s", what, rest, error)
