"""Prefork: what the main process of a worker makes of a doorbell, and of the loss of the child that answered it."""

from collections.abc import Iterator
from queue import Empty
from typing import Any
from uuid import uuid4

import pytest
from billiard.einfo import ExceptionInfo
from celery import current_app
from celery.concurrency.prefork import TaskPool as Prefork
from celery.concurrency.thread import TaskPool as Threads
from celery.exceptions import WorkerLostError
from kombu.message import Message
from kombu.serialization import dumps

from jobs import messages, tasks
from jobs.prefork import Activation, WatchStep

JOB = str(uuid4())


@pytest.fixture
def message() -> Message:
    """A doorbell as it comes from the broker."""
    sent = current_app.amqp.as_task_v2(str(uuid4()), messages.RUN_NODE, (JOB, "plan"), {})
    content_type, encoding, body = dumps(sent.body, "json")
    return Message(body, headers=sent.headers, content_type=content_type, content_encoding=encoding)


@pytest.fixture
def asked() -> Iterator[Any]:
    """The queue in which somebody is asked for a rescue."""
    current_app.control.purge()
    with current_app.connection_for_read() as broker, broker.SimpleQueue("realtime") as queue:
        queue.clear()
        yield queue
        queue.clear()


def delivered(message: Message) -> Activation:
    return Activation(message, app=current_app, task=tasks.run_node, hostname="worker")


def fails(activation: Activation, error: Exception) -> None:
    try:
        raise error
    except Exception:
        activation.on_failure(ExceptionInfo())


def test_a_message_that_is_delivered_twice_is_two_activations(message: Message) -> None:
    first, second = delivered(message), delivered(message)
    assert first.id == second.id
    assert first.request_dict["activation"] != second.request_dict["activation"]


def test_a_lost_child_is_rescued_by_the_name_of_its_activation(message: Message, asked: Any) -> None:
    lost, living = delivered(message), delivered(message)
    fails(lost, WorkerLostError("signal 9"))
    rescue = asked.get(timeout=5)
    assert rescue.headers["task"] == messages.RESCUE
    assert rescue.payload[0] == [JOB, lost.request_dict["activation"]]
    assert rescue.headers["expires"] is None, "the clocks of two hosts would judge it"
    assert living.request_dict["activation"] not in str(rescue.payload)


def test_an_activation_that_fails_in_a_living_process_is_not_rescued(message: Message, asked: Any) -> None:
    fails(delivered(message), ConnectionError("the database is away"))
    with pytest.raises(Empty):
        asked.get_nowait()


def test_only_workers_with_children_watch_them() -> None:
    class Worker:
        steps: list[Any] = []

    for pool_class, expected in ((Threads, False), (Prefork, True)):
        worker = Worker()
        worker.pool_cls = pool_class  # type: ignore[attr-defined]
        assert WatchStep(worker).include_if(worker) is expected
