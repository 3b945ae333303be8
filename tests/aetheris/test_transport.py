"""The Redis transport that keeps its clients."""

import socket
from threading import Thread
from typing import Any

from kombu import Producer

from aetheris import transport
from aetheris.celery import app

QUEUE = "of-a-test"


def test_a_channel_keeps_its_client_until_its_pool_is_another_one() -> None:
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        assert isinstance(channel, transport.Channel)
        with channel.conn_or_acquire() as first, channel.conn_or_acquire() as second:
            assert second is first
        channel._disconnect_pools()
        with channel.conn_or_acquire() as third:
            assert third is not first
            assert third.ping()


def test_a_message_after_the_broker_has_hung_up_comes_once_and_over_a_new_connection() -> None:
    with app.connection_for_write() as connection:
        producer: Any = app.amqp.Producer(connection.default_channel, auto_declare=False)
        try:
            send(producer)
            line = producer.channel._line
            line._sock.shutdown(socket.SHUT_RDWR)
            send(producer)
            assert producer.channel._line is not line
            assert producer.channel._size(QUEUE) == 2
        finally:
            producer.channel.queue_purge(QUEUE)


def send(producer: Producer) -> None:
    app.send_task("aetheris.none", queue=QUEUE, producer=producer, declare=[])


def test_what_is_held_is_sent_when_that_is_said_and_by_whoever_says_it() -> None:
    with app.connection_for_write() as connection:
        producer: Any = app.amqp.Producer(connection.default_channel, auto_declare=False)
        try:
            with transport.held() as messages:
                send(producer)
                send(producer)
            send(producer)
            assert producer.channel._size(QUEUE) == 1
            threads = [Thread(target=transport.send, args=[[message]]) for message in messages]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert producer.channel._size(QUEUE) == 3
        finally:
            producer.channel.queue_purge(QUEUE)
