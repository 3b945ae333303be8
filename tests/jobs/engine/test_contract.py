"""The step contract: what is no tool reaches nothing outside, and what is one reaches it through the gateway."""

import asyncio
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.db import transaction

from aetheris.core.context import ToolContext
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from jobs.engine import gateway
from jobs.engine.run import run_node
from ledger.models import Entry, Event
from tests.jobs.engine.one_tool import one_tool
from tests.world import Doorbells, Registered, World, again, function, result_of, submitted

pytestmark = pytest.mark.usefixtures("whole")


def _connect() -> None:
    socket.create_connection(("127.0.0.1", 9), timeout=1)


def _datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside:
        outside.sendto(b"x", ("127.0.0.1", 9))


OUTSIDE: dict[str, Callable[[], object]] = {
    "connect": _connect,
    "datagram": _datagram,
    "name": lambda: socket.getaddrinfo("localhost", 80),
    "http": lambda: httpx.get("http://127.0.0.1:9/"),
    "program": lambda: subprocess.run(["true"], check=False),
    "shell": lambda: os.system("true"),  # noqa: S605  no shell is reached
}


@pytest.mark.parametrize("reach", list(OUTSIDE))
@pytest.mark.parametrize("where", ["plan", "function", "workflow"])
def test_code_that_is_no_tool_cannot_reach_outside(
    registered: Registered, world: World, doorbells: Doorbells, where: str, reach: str
) -> None:
    def reaching() -> Any:
        OUTSIDE[reach]()

    act = function(reaching)

    def plan() -> TaskGraph:
        if where == "plan":
            reaching()
        graph = TaskGraph()
        (graph.function if where == "function" else graph.workflow)("act", act)
        return graph

    registered.agent(plan, act)
    job = submitted()
    doorbells.drain()
    job = again(job)
    assert job.state == "failed"
    assert "STEP_CONTRACT_VIOLATED" in str(job.error)
    assert "Declare a tool" in str(job.error)


def test_a_tool_can(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = one_tool(registered, world, Effect.READ)
    world.answers["act"] = lambda ctx: socket.getaddrinfo("127.0.0.1", 80)[0][4][0]
    run_node(job.pk, "act")
    assert result_of(job) == "127.0.0.1"


def test_the_test_itself_can() -> None:
    assert socket.getaddrinfo("127.0.0.1", 80)


def test_nothing_is_called_inside_a_transaction(registered: Registered, world: World, doorbells: Doorbells) -> None:
    act = world.tool("act")
    context = ToolContext(
        job_id=submitted_id(registered, world),
        tenant="default",
        node="act",
        idempotency_key="k",
        attempt=1,
        timeout=1.0,
        send_until=float("inf"),
    )
    with transaction.atomic(), pytest.raises(gateway.InTransaction):
        gateway.call_tool(act, "{}", context)
    assert world.called("act") == 0


def submitted_id(registered: Registered, world: World) -> Any:
    return one_tool(registered, World(), Effect.READ).pk


class Listener:
    """A server that notes each request's first line, and can hold back until it is told to go on."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/pay"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connected, _ = self._socket.accept()
            except OSError:
                return
            with connected:
                asked = connected.recv(65536)
                if asked:
                    self.seen.append(asked.split(b"\r\n")[0].decode())
                    connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Any:
    started = Listener()
    yield started
    started.close()


def test_egress_sends_in_time(registered: Registered, world: World, doorbells: Doorbells, listener: Listener) -> None:
    job = one_tool(registered, world, Effect.ONCE)
    world.answers["act"] = lambda ctx: ctx.http.post(listener.url, json={}).text
    run_node(job.pk, "act")
    assert (result_of(job), listener.seen) == ("ok", ["POST /pay HTTP/1.1"])


def test_egress_writes_nothing_once_its_time_is_over(
    registered: Registered, world: World, doorbells: Doorbells, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that was stopped after its claim wakes up: nothing is sent, and that is certain."""
    job = one_tool(registered, world, Effect.ONCE)

    def stopped_before_it_sends(ctx: ToolContext) -> str:
        monkeypatch.setattr("aetheris.core.egress.uptime", lambda: ctx.send_until + 1)
        return str(ctx.http.post(listener.url, json={}).text)

    world.answers["act"] = stopped_before_it_sends
    run_node(job.pk, "act")
    assert listener.seen == []
    assert again(job).state == "retrying"
    assert Entry.objects.get(job=job).state == "failed"


def test_a_call_that_is_cut_between_two_requests_is_doubt(
    registered: Registered, world: World, doorbells: Doorbells, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = one_tool(registered, world, Effect.ONCE)

    def two(ctx: ToolContext) -> None:
        ctx.http.post(listener.url, json={})
        monkeypatch.setattr("aetheris.core.egress.uptime", lambda: ctx.send_until + 1)
        ctx.http.post(listener.url, json={})

    world.answers["act"] = two
    run_node(job.pk, "act")
    assert len(listener.seen) == 1
    assert Entry.objects.get(job=job).state == "unknown"


def test_a_secret_is_named_and_never_recorded(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "BANK_KEY").write_text('canary-"in-a-file"\n')
    monkeypatch.setenv("AETHERIS_SECRETS_FOLDER", str(tmp_path))
    monkeypatch.setenv("AETHERIS_SECRET_OTHER_KEY", "canary-in-the-environment")
    job = one_tool(registered, world, Effect.READ)

    def leaks(ctx: ToolContext) -> dict[str, str]:
        return {"said": f"{ctx.secret('BANK_KEY')} and {ctx.secret('OTHER_KEY')}"}

    world.answers["act"] = leaks
    run_node(job.pk, "act")
    assert result_of(job) == {"said": "[secret BANK_KEY] and [secret OTHER_KEY]"}


def test_a_result_stays_whole_when_a_secret_is_taken_out_of_it(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number, a word of JSON's own and a quotation mark are values that a secret may have."""
    for name, value in (("PIN", "1234"), ("WORD", "true"), ("MARK", '"')):
        monkeypatch.setenv(f"AETHERIS_SECRET_{name}", value)
    job = one_tool(registered, world, Effect.ONCE)

    def leaks(ctx: ToolContext) -> dict[str, Any]:
        told = [ctx.secret(name) for name in ("PIN", "WORD", "MARK")]
        return {"account": 91234567, "pin": 1234, "is": True, "told": told, "amount": 7}

    world.answers["act"] = leaks
    run_node(job.pk, "act")
    assert result_of(job) == {
        "account": "9[secret PIN]567",
        "pin": "[secret PIN]",
        "is": "[secret WORD]",
        "told": ["[secret PIN]", "[secret WORD]", "[secret MARK]"],
        "amount": 7,
    }


def test_a_secret_is_taken_out_of_what_an_error_says(
    registered: Registered, world: World, doorbells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AETHERIS_SECRET_BANK_KEY", "canary-7")
    job = one_tool(registered, world, Effect.ONCE)

    def leaks(ctx: ToolContext) -> None:
        raise ConnectionResetError(f"https://user:{ctx.secret('BANK_KEY')}@bank did not answer")

    world.answers["act"] = leaks
    run_node(job.pk, "act")
    told = "".join(Event.objects.stream(job.pk).values_list("payload", flat=True))
    assert "[secret BANK_KEY]" in told
    assert "canary-7" not in told + str(Entry.objects.get(job=job).error)


def test_a_secret_that_is_not_set_is_a_clear_failure(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    job = one_tool(registered, world, Effect.READ)
    world.answers["act"] = lambda ctx: ctx.secret("NOWHERE")
    run_node(job.pk, "act")
    told = "".join(Event.objects.stream(job.pk).values_list("payload", flat=True))
    assert "AETHERIS_SECRET_NOWHERE" in told


def async_tool(registered: Registered, world: World, call: Callable[..., Any], **options: Any) -> Any:
    from aetheris.core.schema import Signature

    return one_tool(registered, world, Effect.READ, call=call, signature=Signature(call), **options)


def test_an_async_tool_is_awaited(registered: Registered, world: World, doorbells: Doorbells) -> None:
    async def act(ctx: ToolContext, value: int) -> int:
        await asyncio.sleep(0.01)
        return value + 1

    job = async_tool(registered, world, act)
    run_node(job.pk, "act")
    assert result_of(job) == 2


def test_an_async_tool_is_really_cancelled_at_its_deadline(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    ended: list[str] = []

    async def act(ctx: ToolContext, value: int) -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    job = async_tool(registered, world, act, timeout=0.2)
    began = time.monotonic()
    run_node(job.pk, "act")
    assert time.monotonic() - began < 5
    assert ended == ["cancelled"]
    assert again(job).state == "retrying"
