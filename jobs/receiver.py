"""The receiver: a thread of each worker with node threads that finds due nodes by itself, doorbell or none.

With it no beat, two beats, lost doorbells or a dead broker cost seconds.
"""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import bootsteps
from celery.concurrency.thread import TaskPool
from celery.signals import task_postrun, task_received, worker_shutting_down
from celery.worker import state
from django.db import connection

from aetheris.core import registry
from jobs.due_querysets import Due
from jobs.engine import dispatch, stopping
from jobs.engine.hearing import Hearing
from jobs.engine.run import run_node
from jobs.engine.sweep import sweep
from jobs.engine.tick import contact
from jobs.engine.untaken import Untaken
from jobs.models import Node

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
PATIENCE = timedelta(seconds=1)
"""How long a doorbell has time to be answered before a receiver looks after its node."""
SWEEP_PATIENCE = timedelta(seconds=5)
"""How old the last tick may be before receivers sweep."""
STOP_SECONDS = 2.0


class Slots:
    """How many more activations the pool can begin at once: its threads, less what Celery has received and what this
    receiver has handed over."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._handed = 0
        self._lock = threading.Lock()

    def free(self) -> int:
        """At most this many can be handed over now."""
        return max(0, self._threads - len(state.reserved_requests) - self._handed)

    def change(self, by: int) -> None:
        with self._lock:
            self._handed += by


class Receiver:
    """One thread. It looks once a second, and at once when a slot became free while work was left over; whatever
    happens to the database, it goes on. `apply` hands a call to the worker's pool."""

    def __init__(self, queues: Callable[[], list[str]], threads: int, apply: Callable[..., Any]) -> None:
        self.slots = Slots(threads)
        self.hearing = Hearing(threads)
        self._queues = queues
        self._apply = apply
        self._untaken = Untaken()
        self._hungry = False
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Hand over nothing more; returns within two seconds."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(STOP_SECONDS)

    def slot_freed(self, **_: Any) -> None:
        """An activation has ended: when work was left over, there is a look at once."""
        if self._hungry:
            self._wake.set()

    def look(self) -> int:
        """Hand over the nodes that wait, as many as there are free slots, and sweep if nobody else does; how many."""
        free = self.slots.free()
        code = registry.code_here() if free else set()
        limit = free + len(self._untaken) if free else 0
        seen = Node.objects.look(self._queues(), code, PATIENCE, limit)
        contact.held(seen.now)
        mine = [node for node in seen.nodes if not self._untaken.remembers(node)][:free]
        handed = sum(self._hand_over(node) for node in mine)
        self._hungry = handed >= free
        if seen.swept_at is None or seen.now - seen.swept_at > SWEEP_PATIENCE:
            sweep(rest=SWEEP_PATIENCE)
        return handed

    def _hand_over(self, node: Due) -> bool:
        """Two receivers at once: the mark is a compare-and-set, and the claim another."""
        if self._is_over() or not dispatch.may_ring(node):
            return False
        if node.rung_at is not None:
            self.hearing.missed(node)
        self._untaken.note(node)
        self.slots.change(+1)
        try:
            self._apply(self._activate, (node.job_id, node.path), callback=lambda _: None)
        except Exception:
            self.slots.change(-1)
            raise
        return True

    def _activate(self, job_id: UUID, path: str) -> None:
        try:
            run_node(job_id, path)
        except Exception:
            logger.exception("the activation of %s of job %s failed; its lease brings it back", path, job_id)
        finally:
            connection.close()
            self.slots.change(-1)
            self.slot_freed()

    def _run(self) -> None:
        while not self._is_over():
            again = self._look_safely()
            if not again:
                self._wake.wait(LOOK_SECONDS)
            self._wake.clear()

    def _look_safely(self) -> bool:
        """Whether to look again at once: work was found and slots are free. Raises nothing."""
        try:
            return self.look() > 0 and self.slots.free() > 0
        except Exception as error:
            contact.lost()
            logger.warning("the receiver could not look, it tries again: %s", error)
            return False
        finally:
            connection.close()

    def _is_over(self) -> bool:
        return self._stopped.is_set() or stopping.has_begun()


class ReceiverStep(bootsteps.StartStopStep):
    """The part of a worker that holds its receiver, from before it reaches the broker to after it left it."""

    requires = ("celery.worker.components:Pool",)
    label = "Receiver"

    def __init__(self, worker: Any, **options: Any) -> None:
        self._receiver: Receiver | None = None
        super().__init__(worker, **options)

    def include_if(self, worker: Any) -> bool:
        return isinstance(worker.pool_cls, type) and issubclass(worker.pool_cls, TaskPool)

    def start(self, worker: Any) -> None:
        def queues() -> list[str]:
            return list(worker.app.amqp.queues.consume_from)

        self._receiver = Receiver(queues, worker.concurrency, worker.pool.apply_async)
        task_postrun.connect(self._receiver.slot_freed)
        task_received.connect(self._receiver.hearing.heard)
        self._receiver.start()

    def stop(self, worker: Any) -> None:
        if self._receiver is not None:
            self._receiver.stop()

    def terminate(self, worker: Any) -> None:
        self.stop(worker)


@worker_shutting_down.connect
def begin_to_stop(**_: Any) -> None:
    """SIGTERM and the like: this worker opens nothing new."""
    stopping.begin()
