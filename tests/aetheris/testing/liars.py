"""Tools that say what they are, and tools that do not, at the sink or in a file: what the crash matrix is shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from django.contrib.auth.models import Group

from aetheris import DidNotHappen, Happened, ToolContext, ToolError
from aetheris.core.handlers import Effect, Hooks, Tool
from aetheris.core.ids import new_id
from aetheris.core.schema import Signature
from aetheris.testing.sink_process import SinkProcess


def declared(call: Callable[..., Any], effect: Effect, reconcile: Callable[..., Any] | None = None) -> Tool:
    """A tool that only one test has."""
    return Tool(
        name=call.__name__,
        call=call,
        effect=effect,
        version="1",
        timeout=30.0,
        window=86400.0,
        settle=600.0,
        queue="default",
        signature=Signature(call),
        hooks=Hooks(reconcile),
    )


def pay_at(sink: SinkProcess, mode: str, effect: Effect, reconcile: Callable[..., Any] | None = None) -> Tool:
    """A tool that pays at the sink, which then does as its mode says."""

    def pay(ctx: ToolContext, amount: str) -> dict[str, Any]:
        answer = ctx.http.post(
            f"{sink.url}/{mode}", json={"amount": amount}, headers={"Idempotency-Key": ctx.idempotency_key}
        )
        return {"effect": answer.raise_for_status().json()["effect"]}

    return declared(pay, effect, reconcile)


def pay_with_a_client_of_its_own(sink: SinkProcess, effect: Effect) -> Tool:
    """A tool that pays at the sink, which ignores its key, and not through `ctx.http`."""

    def pay(ctx: ToolContext, amount: str) -> None:
        headers = {"Idempotency-Key": ctx.idempotency_key}
        request = Request(f"{sink.url}/keyless", json.dumps({"amount": amount}).encode(), headers, method="POST")
        with urlopen(request, timeout=5) as answer:
            answer.read()

    return declared(pay, effect)


def asking(sink: SinkProcess) -> Callable[..., Any]:
    """A hook that asks the sink, and believes it."""

    def reconcile(ctx: ToolContext, amount: str) -> Happened | DidNotHappen:
        found = ctx.http.get(f"{sink.url}/effects", params={"key": ctx.idempotency_key}).json()["effects"]
        return Happened({"effect": found[0]}) if found else DidNotHappen()

    return reconcile


def never(ctx: ToolContext, amount: str) -> DidNotHappen:
    """A hook that looks in the wrong place."""
    return DidNotHappen()


def always(ctx: ToolContext, amount: str) -> Happened:
    """A hook that takes a request for an effect."""
    return Happened({"effect": "surely"})


def write_line(file: Path, effect: Effect) -> Tool:
    """A tool that writes a line to a file, whatever it was declared."""

    def write(ctx: ToolContext, line: str) -> None:
        with file.open("a") as opened:
            opened.write(f"{line}\n")

    return declared(write, effect)


def write_row(effect: Effect) -> Tool:
    """A tool that writes a row of the runtime's database."""

    def found(ctx: ToolContext, name: str) -> None:
        Group.objects.create(name=f"{name} {new_id()}")

    return declared(found, effect)


def deny(file: Path) -> Tool:
    """A tool that does it, and then says that it did not happen."""

    def write(ctx: ToolContext, line: str) -> None:
        with file.open("a") as opened:
            opened.write(f"{line}\n")
        raise ToolError("no")

    return declared(write, Effect.ONCE)
