"""The proxy in front of a real PostgreSQL and a real Valkey."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import redis
from psycopg import sql

from aetheris.testing.proxy import Address, Proxy

SCHEMA = f"proxied_{os.getpid()}"
"""Other processes of the same run test the same server."""
LISTEN = ["tcp:127.0.0.1:0", "unix:{folder}/.s.PGSQL.5432"]
Execute = Callable[[psycopg.Connection[Any], str], object]


def postgres_folder() -> str:
    return parse_qs(urlsplit(os.environ["AETHERIS_DATABASE_URL"]).query)["host"][0]


@contextmanager
def in_front(listen: str, folder: Path) -> Iterator[Proxy]:
    broker = os.environ["AETHERIS_BROKER_URL"].removeprefix("redis+socket://").partition("?")[0]
    fronts = {
        "db": (listen.format(folder=folder), f"unix:{postgres_folder()}/.s.PGSQL.5432"),
        "broker": ("tcp:127.0.0.1:0", f"unix:{broker}"),
    }
    with Proxy(fronts, postgres=("db",), log=folder / "proxy.jsonl") as proxy:
        yield proxy


@pytest.fixture(params=LISTEN, ids=["tcp", "unix"])
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with in_front(request.param, tmp_path_factory.mktemp("p")) as started:
        yield started


@pytest.fixture
def tcp(tmp_path: Path) -> Iterator[Proxy]:
    with in_front(LISTEN[0], tmp_path) as started:
        yield started


def at(host: str, port: int = 5432, **options: Any) -> psycopg.Connection[Any]:
    path = f"-c search_path={SCHEMA}"
    return psycopg.connect(host=host, port=port, user="aetheris", dbname="postgres", options=path, **options)


def connected(proxy: Proxy, **options: Any) -> psycopg.Connection[Any]:
    address = proxy.addresses["db"]
    host = str(Path(address.path).parent) if address.path else address.host
    return at(host, address.port or 5432, **options)


def to_broker(proxy: Proxy) -> socket.socket:
    address = proxy.addresses["broker"]
    return socket.create_connection((address.host, address.port), timeout=5)


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Iterator[Callable[[], list[int]]]:
    """A table of numbers, and what is in it, asked without the proxy."""
    with at(postgres_folder(), autocommit=True) as direct:
        direct.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(SCHEMA)))
        direct.execute("CREATE TABLE proxied (n int PRIMARY KEY)")
        yield lambda: [n for (n,) in direct.execute("SELECT n FROM proxied ORDER BY n")]
        direct.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(SCHEMA)))


def simply(connection: psycopg.Connection[Any], statement: str) -> None:
    """The simple protocol, as psycopg sends what has no parameters; `commit()` is sent so too."""
    connection.execute(statement)


def prepared(connection: psycopg.Connection[Any], statement: str) -> None:
    """The extended protocol: parsed under a name, bound and executed."""
    connection.execute(statement, prepare=True)


def in_a_pipeline(connection: psycopg.Connection[Any], statement: str) -> None:
    """The extended protocol without waiting for answers."""
    with connection.pipeline():
        connection.execute(statement)


def test_what_passes_is_unchanged(proxy: Proxy) -> None:
    value = os.urandom(3_000_000)
    with connected(proxy) as connection:
        assert connection.execute("SELECT %s::bytea", [value]).fetchone() == (value,)
    address = proxy.addresses["broker"]
    with redis.Redis(address.host, address.port) as broker:
        broker.set("proxied", value)
        assert broker.get("proxied") == value
        broker.delete("proxied")


@pytest.mark.parametrize("execute", [simply, prepared, in_a_pipeline])
def test_a_commit_cut_before_it_was_sent_did_not_happen(proxy: Proxy, table: Any, execute: Execute) -> None:
    with connected(proxy, autocommit=True) as connection:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO proxied VALUES (%s)", [1])
        proxy.order("db", "cut_commit", when="before")
        with pytest.raises(psycopg.OperationalError):
            execute(connection, "COMMIT")
    assert table() == []


@pytest.mark.parametrize("execute", [simply, prepared, in_a_pipeline])
def test_a_commit_cut_before_its_answer_did_happen(proxy: Proxy, table: Any, execute: Execute) -> None:
    with connected(proxy, autocommit=True) as connection:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO proxied VALUES (%s)", [1])
        proxy.order("db", "cut_commit", when="after")
        with pytest.raises(psycopg.OperationalError):
            execute(connection, "COMMIT")
        assert table() == [1]


def test_commits_are_counted_and_only_those_that_were_ordered_are_cut(tcp: Proxy, table: Any, tmp_path: Path) -> None:
    tcp.order("db", "cut_commit", when="after", skip=1, times=2)
    lost = []
    for number in range(6):
        try:
            with connected(tcp) as connection:
                connection.execute("INSERT INTO proxied VALUES (%s)", [number])
        except psycopg.OperationalError:
            lost.append(number)
    assert lost == [1, 3]
    assert table() == [0, 1, 2, 3, 4, 5]
    noted = [json.loads(line) for line in (tmp_path / "proxy.jsonl").read_text().splitlines()]
    assert [line["fault"] for line in noted] == ["commit cut before its answer"] * 2
    assert all(abs(line["at"] - time.time()) < 60 for line in noted)


def test_a_stalled_connection_says_nothing_and_then_goes_on(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        proxy.order("db", "stall")
        answers: list[Any] = []
        asking = threading.Thread(target=lambda: answers.append(connection.execute("SELECT 7").fetchone()))
        asking.start()
        asking.join(0.5)
        assert answers == []
        proxy.order("db", "pass")
        asking.join(5)
        assert answers == [(7,)]


def test_a_stall_ends_by_itself_and_holds_who_comes_meanwhile(tcp: Proxy) -> None:
    began = time.monotonic()
    tcp.order("broker", "stall", seconds=0.7)
    with to_broker(tcp) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(16) == b"+PONG\r\n"
    assert time.monotonic() - began > 0.6


def test_one_connection_is_reset_and_the_others_are_not(proxy: Proxy) -> None:
    with connected(proxy) as first, connected(proxy) as second:
        assert proxy.order("db", "reset", pick=0.0) == 1
        with pytest.raises(psycopg.OperationalError):
            first.execute("SELECT 1")
        assert second.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_is_cut_after_so_many_bytes(tcp: Proxy) -> None:
    tcp.order("broker", "cut", after=3, toward="client")
    with to_broker(tcp) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(16) == b"+PO"
        assert connection.recv(16) == b""
    with to_broker(tcp) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(16) == b"+PONG\r\n"


def test_what_is_delayed_comes_late_and_in_order(tcp: Proxy) -> None:
    tcp.order("broker", "delay", seconds=0.2)
    with to_broker(tcp) as connection:
        began = time.monotonic()
        connection.sendall(b"PING\r\nECHO x\r\n")
        answer = b""
        while len(answer) < 14:
            answer += connection.recv(16)
        assert answer == b"+PONG\r\n$1\r\nx\r\n"
        assert 0.4 <= time.monotonic() - began < 2


def test_a_server_that_is_away_is_told_by_hanging_up(tmp_path: Path) -> None:
    with Proxy({"gone": ("tcp:127.0.0.1:0", f"unix:{tmp_path}/nobody.sock")}) as proxy:
        address = proxy.addresses["gone"]
        with socket.create_connection((address.host, address.port), timeout=5) as connection:
            assert connection.recv(16) == b""


@pytest.mark.parametrize("text", ["tcp:5432", "unix:", "/run/db.sock", "tcp:host:many"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Address.parse(text)


def test_an_order_that_there_is_not_is_refused(tcp: Proxy) -> None:
    for wrong in ({"do": "melt"}, {"do": "delay"}, {"do": "cut_commit", "when": "later"}):
        with pytest.raises(ValueError, match=r".+"):
            tcp.order("db", **wrong)
    assert tcp.order("db", "pass") == 0
