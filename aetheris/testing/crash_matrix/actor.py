"""Everybody who acts in a scenario: the client, a worker, the people. One process plays them, in turn."""

import logging
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import Error

from aetheris.core.errors import Refused
from aetheris.testing.crash_matrix import querysets
from aetheris.testing.crash_matrix.scenario import Act, Scenario
from aetheris.testing.crash_matrix.seen import Seen, see
from aetheris.testing.crash_matrix.world import World
from jobs.engine.cancel import cancel
from jobs.engine.message import Letter, message
from jobs.engine.patience import drop_connection, is_loss
from jobs.engine.possible import Resolution
from jobs.engine.resolve import resolve
from jobs.engine.sender import Sender
from jobs.engine.signal import signal
from jobs.engine.submit import submit
from jobs.engine.sweep import sweep
from jobs.models import Agent, Job, Submission
from jobs.receiver import Receiver
from ledger.models import Entry
from signals_app.models import Wait
from signals_app.states import WaitKind, WaitState

TENANT = "default"
REQUESTER = "user:1/requester"
PERSON = Sender("user:2/approver", may_signal=True, may_decide=True)
SECOND_PERSON = Sender("user:3/approver", may_signal=True, may_decide=True)
QUEUES = ["realtime", "default", "background", "heavy"]
MOST_ROUNDS = 60
MOST_TRIES = 5


class NeverAtRest(Exception):
    """A worker that could go on for ever: the job is stuck."""


class Actor:
    """One cell's job, by the idempotency key that its client has chosen."""

    def __init__(self, scenario: Scenario, key: str, world: World) -> None:
        self.scenario = scenario
        self.key = key
        self.world = world

    @property
    def job_id(self) -> UUID | None:
        """The job, once it was accepted."""
        return Submission.objects.filter(key=self.key).values_list("job_id", flat=True).first()

    @property
    def job(self) -> UUID:
        found = self.job_id
        if found is None:
            raise Job.DoesNotExist(self.key)
        return found

    def see(self) -> Seen:
        """How the job stands, inside and outside."""
        return see(self.scenario, self.job_id, self.world)

    def prepare(self) -> None:
        """Only the first job of an agent makes its row: what the others do is to be the same each time."""
        Agent.objects.ensure(TENANT, self.scenario.agent)

    def submit(self) -> None:
        """The client sends its message."""
        submit(
            self.scenario.agent,
            self.scenario.goal,
            tenant=TENANT,
            requested_by=REQUESTER,
            idempotency_key=self.key,
        )

    def work(self) -> None:
        """A worker does all that there is to do, and lets time pass where it must."""
        for number in range(MOST_ROUNDS):
            # Only who is held up comes so far: a process that is stopped in its transaction takes real time.
            time.sleep(max(0, number - 5) * 0.02)
            try:
                if self.rests():
                    return
                self._round()
            except Error as error:
                if not is_loss(error):
                    raise
                logging.getLogger(__name__).info("the worker lost its connection: %s", error)
                drop_connection()
        raise NeverAtRest(f"{self.job} is not at rest after {MOST_ROUNDS} rounds")

    def rests(self) -> bool:
        """Whether only somebody outside can move the job now."""
        job = Job.objects.get(pk=self.job)
        return job.is_final or not (job.nodes_ready or job.nodes_delayed or job.nodes_running)

    def signal(self, correlation_key: str, payload: dict[str, Any]) -> None:
        signal(self.job, correlation_key, payload, PERSON)

    def write_to(self, channel_key: str, payload: dict[str, Any]) -> None:
        """A message, under an id of the sender's own."""
        message(self.job, Letter("message-1", payload, correlation_key=channel_key), PERSON)

    def cancel(self) -> None:
        cancel(self.job, actor=REQUESTER)

    def sweep(self) -> None:
        """Somebody sweeps, as beat has it done each second."""
        sweep()

    def let_pass(self, seconds: float) -> None:
        querysets.advance(seconds)

    def answer_doubt(self) -> None:
        """People look at what the provider has on its books, and say so: it happened; or it did not, and is sent again,
        or left if the job is to end. Then a worker goes on."""
        self.work()
        while question := self._question():
            entry = Entry.objects.unknown_of(self.job, question.node)
            if self.world.has_applied(entry.idempotency_key):
                self._resolve(PERSON, question, Resolution.HAPPENED, result=self.world.result(entry.idempotency_key))
            else:
                querysets.advance(max(0.0, (entry.settled_by - Job.objects.now()).total_seconds()) + 1)
                if Job.objects.get(pk=self.job).starts_nothing_more:
                    self._resolve(PERSON, question, Resolution.DID_NOT_HAPPEN)
                else:
                    self._resolve(PERSON, question, Resolution.SEND_AGAIN)
                    self._resolve(SECOND_PERSON, question, Resolution.SEND_AGAIN)
            self.work()

    def _question(self) -> Wait | None:
        return Wait.objects.filter(job_id=self.job, kind=WaitKind.RESOLUTION, state=WaitState.OPEN).first()

    def _resolve(self, sender: Sender, question: Wait, resolution: Resolution, **answer: Any) -> None:
        told = {"resolution": resolution.value, **answer}
        asked(lambda: resolve(self.job, question.correlation_key, told, sender))

    def _round(self) -> None:
        querysets.advance(max(0.0, querysets.seconds_to_the_next_moment(self.job)) + 1.1)
        sweep()
        # A new one each time, as another worker's: for ten real seconds one leaves alone what it could not take.
        Receiver(lambda: QUEUES, 1, lambda call, arguments, callback: call(*arguments)).look()


def asked(request: Callable[[], object]) -> None:
    """A request as a client makes it: a refusal is an answer, and without an answer it asks again."""
    for left in reversed(range(MOST_TRIES)):
        try:
            request()
        except Refused:
            return
        except Error as error:
            drop_connection()
            if not left or not is_loss(error):
                raise
        else:
            return


def of_a_client(request: Act) -> Act:
    """An act that is one request."""
    return lambda actor: asked(lambda: request(actor))
