"""Connections to Redis for doorbells, from the address that the broker has."""

from functools import lru_cache
from urllib.parse import urlsplit

from redis.backoff import NoBackoff
from redis.connection import ConnectionInterface, ConnectionPool
from redis.retry import Retry

from aetheris.conf import configuration

SCHEMES = ("redis", "rediss", "redis+socket")


def has_redis() -> bool:
    """Whether the broker is one that can ring; with another one, whoever waits looks each second."""
    return urlsplit(configuration().broker_url).scheme in SCHEMES


def connect(timeout: float) -> ConnectionInterface:
    """A new connection, on which nothing lasts longer than this. Raises redis's `RedisError`, `OSError`."""
    connection = _pool(configuration().broker_url, timeout).make_connection()
    connection.connect()
    return connection


@lru_cache(maxsize=4)
def _pool(url: str, timeout: float) -> ConnectionPool:
    """It only reads the address: each of its connections belongs to whoever asked for it."""
    scheme, _, place = url.partition("://")
    socket = scheme == "redis+socket"
    address = f"unix://{place.partition('?')[0]}" if socket else url
    options = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": Retry(NoBackoff(), 0)}
    return ConnectionPool.from_url(address, protocol=2, **options)
