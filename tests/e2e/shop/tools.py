"""Tools whose only effect is a line in a file, written and synced before they go on: the file is the witness."""

import json
import os
import time
from pathlib import Path

from aetheris import ToolContext, tool


def witness(tool_name: str, ctx: ToolContext) -> None:
    """Note that a call arrived, which key it had, which process made it and what time that believes it is."""
    seen = {"tool": tool_name, "job": str(ctx.job_id), "key": ctx.idempotency_key, "pid": os.getpid()}
    line = json.dumps(seen | {"wall": time.time()})
    with (Path(os.environ["AETHERIS_DATA"]) / "witness.jsonl").open("a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def slowly(tool_name: str, ctx: ToolContext, seconds: float) -> dict[str, str]:
    witness(tool_name, ctx)
    time.sleep(seconds)
    return {"key": ctx.idempotency_key}


@tool(effect="read", timeout=60)
def slow_read(ctx: ToolContext, seconds: float) -> dict[str, str]:
    return slowly("slow_read", ctx, seconds)


@tool(effect="idempotent", timeout=60)
def slow_payment(ctx: ToolContext, seconds: float) -> dict[str, str]:
    return slowly("slow_payment", ctx, seconds)


@tool(effect="idempotent", timeout=60, window="30m", settle=1)
def remembered_payment(ctx: ToolContext, seconds: float) -> dict[str, str]:
    """Its provider knows a key for half an hour."""
    return slowly("remembered_payment", ctx, seconds)


@tool(effect="idempotent", timeout=60, window=70, settle=10)
def forgotten_payment(ctx: ToolContext, seconds: float) -> dict[str, str]:
    """Its provider may have forgotten the key before a second send arrives."""
    return slowly("forgotten_payment", ctx, seconds)


@tool(effect="once", timeout=60)
def slow_letter(ctx: ToolContext, seconds: float) -> dict[str, str]:
    return slowly("slow_letter", ctx, seconds)


@tool(effect="idempotent", timeout=60)
def flaky_payment(ctx: ToolContext, seconds: float) -> dict[str, str]:
    """The first call of a key breaks off without an answer."""
    before = Path(os.environ["AETHERIS_DATA"]) / "witness.jsonl"
    seen = before.exists() and f'"key": "{ctx.idempotency_key}"' in before.read_text()
    witness("flaky_payment", ctx)
    if not seen:
        raise ConnectionResetError("the line went dead")
    return {"key": ctx.idempotency_key}
