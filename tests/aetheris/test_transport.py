"""The Redis transport that keeps its clients."""

from aetheris import transport
from aetheris.celery import app


def test_a_channel_keeps_its_client_until_its_pool_is_another_one() -> None:
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        assert isinstance(channel, transport.Channel)
        with channel.conn_or_acquire() as first, channel.conn_or_acquire() as second:
            assert second is first
        channel._disconnect_pools()  # type: ignore[attr-defined]  # the stubs do not know it
        with channel.conn_or_acquire() as third:
            assert third is not first
            assert third.ping()
