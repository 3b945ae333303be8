"""Two or three actors at one job, each on a connection of its own, stepped through in the order that a test says."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, transaction

from aetheris.core.errors import Refused
from jobs.models import Job

Verb = Callable[[Job], Any]


class Actor(threading.Thread):
    """One verb on a connection of its own, in a transaction that stays open until it is let go."""

    def __init__(self, verb: Verb, job: Job) -> None:
        super().__init__(daemon=True)
        self._verb, self._job = verb, job
        self.done = threading.Event()
        self.let_go = threading.Event()
        self.pid = 0
        self.answer: Any = None
        self.broke: Exception | None = None

    def run(self) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                self.pid = (cursor.fetchone() or (0,))[0]
                try:
                    self.answer = self._verb(self._job)
                except Refused as refused:
                    self.answer = refused.code
                self.done.set()
                self.let_go.wait(20)
        except Exception as error:
            self.broke = error
            self.done.set()
        finally:
            connection.close()


def until_done_or_blocked(actor: Actor) -> None:
    """Wait until the actor has finished its verb, or the database says that it waits for a lock."""
    while not actor.done.wait(0.01):
        with connection.cursor() as cursor:
            cursor.execute("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", [actor.pid])
            row = cursor.fetchone()
        if row and row[0]:
            return


def in_order(job: Job, *verbs: Verb) -> list[Any]:
    """Let each begin while those before it have not committed yet, then all commit; what each was answered."""
    actors = [Actor(verb, job) for verb in verbs]
    for actor in actors:
        actor.start()
        until_done_or_blocked(actor)
    for actor in actors:
        actor.let_go.set()
    return answers(actors)


def answers(actors: Sequence[Actor]) -> list[Any]:
    """What each was answered, once all have ended."""
    for actor in actors:
        actor.join(20)
        assert not actor.is_alive()
        if actor.broke is not None:
            raise actor.broke
    return [actor.answer for actor in actors]
