"""The sink is a process that trusts nobody: what it has answered for is on its disk, whatever becomes of it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aetheris.testing.invariants.witnesses import Sent, sent_in

BODY = {"job": "1", "step": "pay", "amount": 750}


class Process:
    """A sink, and what it has written."""

    def __init__(self, log: Path) -> None:
        self.log = log
        command = [sys.executable, "-m", "aetheris.testing.sink", "--log", str(log)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)

    def post(self, mode: str, key: str = "key", **body: object) -> httpx.Response:
        return self.client.post(f"/{mode}", json=BODY | body, headers={"Idempotency-Key": key})

    def lines(self) -> list[tuple[bool, int]]:
        return [(line.applied, line.answered) for line in sent_in(self.log)]

    def end(self, number: int) -> None:
        self.client.close()
        self._process.send_signal(number)
        self._process.wait(20)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path / "sink.ndjson")
    yield process
    process.end(signal.SIGTERM)


def test_a_key_is_applied_once_and_gets_the_first_answer_again(sink: Process) -> None:
    first, second = sink.post("keyed"), sink.post("keyed")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == {"effect": "effect-1", "applied": True}
    assert second.json() == {"effect": "effect-1", "applied": False}
    assert sink.lines() == [(True, 200), (False, 200)]


def test_a_key_does_not_stand_for_another_request(sink: Process) -> None:
    sink.post("keyed")
    assert sink.post("keyed", amount=1).status_code == 409
    assert sink.lines() == [(True, 200), (False, 409)]


@pytest.mark.parametrize("mode", ["keyless", "lookup"])
def test_without_keys_each_request_is_applied(sink: Process, mode: str) -> None:
    sink.post(mode)
    sink.post(mode)
    assert sink.lines() == [(True, 200), (True, 200)]


def test_it_tells_what_happened_under_a_key(sink: Process) -> None:
    sink.post("lookup")
    assert sink.client.get("/effects", params={"key": "key"}).json()["effects"] == ["effect-1"]
    assert sink.client.get("/effects", params={"key": "another"}).json()["effects"] == []
    assert [line.only_asks for line in sent_in(sink.log)] == [False, True, True]


def test_an_answer_can_be_lost_after_the_effect(sink: Process) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        sink.post("apply-then-drop", "dropped")
    assert sink.post("apply-then-drop", "dropped").status_code == 200
    assert sink.post("apply-then-500", "broken").status_code == 500
    assert sink.post("apply-then-500", "broken").status_code == 200
    assert sink.lines() == [(True, 0), (False, 200), (True, 500), (False, 200)]


def test_it_can_refuse_and_be_slow(sink: Process) -> None:
    assert sink.post("refuse").status_code == 422
    assert sink.post("slow", seconds=0.01).status_code == 200
    assert sink.lines() == [(False, 422), (True, 200)]


def test_what_it_does_not_know_is_no_request(sink: Process) -> None:
    assert sink.post("somehow").status_code == 404
    assert sink.client.post("/keyed", content=b"[").status_code == 404
    assert sink.client.get("/keyed").status_code == 404
    assert sink.lines() == []


def test_a_killed_sink_knows_every_key_that_it_has_seen(sink: Process) -> None:
    sink.post("keyed")
    sink.end(signal.SIGKILL)
    with sink.log.open("ab") as log:
        log.write(b'{"torn":')
    restarted = Process(sink.log)
    assert restarted.post("keyed").json() == {"effect": "effect-1", "applied": False}
    restarted.end(signal.SIGTERM)
    assert sent_in(sink.log)[-1] == Sent("key", "keyed", sent_in(sink.log)[0].digest, False, 200, 2)
