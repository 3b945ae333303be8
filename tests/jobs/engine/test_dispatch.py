"""Doorbells on a real broker: served by priority, and no dearer for it."""

import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import takewhile
from typing import Any

import pytest
from celery import current_app
from django.db import connection
from kombu import Connection

from aetheris.core.graph import TaskGraph
from jobs.due_querysets import Due
from jobs.engine import dispatch
from jobs.engine.transaction import job_transaction
from jobs.models import Node
from tests.world import Doorbells, Registered, submitted

QUEUE = "doorbells-of-this-test"
PRIORITIES = [3, 5, 1, 4, 2, 5, 3, 1, 2, 4]


@pytest.fixture
def broker() -> Iterator[Connection]:
    """A connection as a worker has it; the queue is empty before and after."""
    with current_app.connection_for_read() as connection:
        connection.SimpleQueue(QUEUE).clear()
        yield connection
        connection.SimpleQueue(QUEUE).clear()


def served(broker: Connection, number: int) -> list[str]:
    """The nodes that so many doorbells name, in the order in which they are served."""
    with broker.SimpleQueue(QUEUE) as queue:
        found = []
        for _ in range(number):
            message = queue.get(timeout=5)
            message.ack()
            found.append(message.payload[0][1])
    return found


@pytest.fixture(autouse=True)
def every_doorbell_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many lie there."""
    monkeypatch.setattr(dispatch, "MANY", 1000)


def ring(priorities: list[int]) -> None:
    for place, priority in enumerate(priorities):
        dispatch.ring(uuid.uuid4(), f"{priority}/{place}", QUEUE, priority)


def test_doorbells_are_served_by_priority_and_then_in_order(broker: Connection) -> None:
    ring(PRIORITIES)
    assert served(broker, 10) == ["1/2", "1/7", "2/4", "2/8", "3/0", "3/6", "4/3", "4/9", "5/1", "5/5"]


def test_one_high_doorbell_passes_a_backlog(broker: Connection) -> None:
    ring([5] * 200 + [1])
    assert served(broker, 2) == ["1/200", "5/0"]


def test_what_has_no_priority_is_served_with_the_first(broker: Connection) -> None:
    """The sweep's own doorbell must not wait behind a backlog."""
    ring([2] * 5)
    current_app.send_task("aetheris.sweep", args=("", "sweep"), queue=QUEUE)
    assert served(broker, 1) == ["sweep"]


def commands(broker: Connection, call: Callable[[], None]) -> Counter[str]:
    """What the broker is sent during a call, by the commands' names. Other test processes have other databases."""
    client: Any = broker.default_channel.client  # type: ignore[attr-defined]
    mine = client.connection_pool.connection_kwargs["db"]
    with client.monitor() as monitor:
        call()
        client.echo("the end")
        until_then = takewhile(lambda each: each != (mine, "ECHO the end"), iter(partial(told, monitor), None))
        return Counter(command.split()[0] for database, command in until_then if database == mine)


def told(monitor: Any) -> tuple[int, str]:
    command = monitor.next_command()
    return command["db"], command["command"]


def test_a_priority_costs_no_command(broker: Connection) -> None:
    """Ringing and answering ten doorbells: the same commands at one priority and at five."""

    def exchange(priorities: list[int]) -> Counter[str]:
        def rung_and_served() -> None:
            ring(priorities)
            served(broker, 10)

        return commands(broker, rung_and_served)

    exchange([3] * 10)
    cost = exchange(PRIORITIES)
    assert cost == exchange([3] * 10)
    assert (cost["LPUSH"], cost["BRPOP"]) == (10, 10)


def test_a_doorbell_that_was_made_before_the_broker_hung_up_is_rung_all_the_same(broker: Connection) -> None:
    for path in ("first", "second"):
        ring = dispatch.bell(uuid.uuid4(), path, QUEUE, 3)
        with current_app.producer_or_acquire() as producer:
            if producer.channel._line is not None:
                producer.channel._line._sock.shutdown(socket.SHUT_RDWR)
        ring()
    assert served(broker, 2) == ["first", "second"]


def test_whoever_holds_a_job_waits_for_no_broker(registered: Registered, doorbells: Doorbells) -> None:
    """What is to be sent is made when the lock has gone."""
    registered.agent(TaskGraph)
    job = submitted()
    made: list[bool] = []

    def call_for(nodes: Sequence[Due], most: int) -> dispatch.Ring:
        made.append(connection.in_atomic_block)
        return dispatch.no_bells()

    with job_transaction(job.pk) as tx:
        tx.call_for = call_for
        tx.moved(Node.objects.get(job=job))
    assert made == [False]


def test_without_a_broker_a_doorbell_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever makes it, and by whoever rings it: they hold leases, or answer requests."""
    nobody = current_app.connection_for_write("redis://127.0.0.1:1/0")
    producer: Any = current_app.amqp.Producer(nobody, auto_declare=False)
    monkeypatch.setattr(current_app, "producer_or_acquire", lambda *_: nullcontext(producer))
    monkeypatch.setattr(dispatch._Broker, "rests_until", 0.0)
    began = time.monotonic()
    dispatch.ring(uuid.uuid4(), "plan", QUEUE, 3)
    assert time.monotonic() - began < 1
