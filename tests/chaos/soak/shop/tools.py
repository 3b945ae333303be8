"""One tool for each effect class. The sink outside is the witness; for `transactional`, the database.

What has no key is sent to the sink directly: its answer is lost only with the process that waits for it.
"""

import os
from typing import Any
from uuid import uuid4

import httpx

from aetheris import DidNotHappen, Happened, ToolContext, ToolError, tool

SETTLE_SECONDS = 12
"""Longer than any process is stopped: nothing that was sent arrives later."""
PATIENCE_SECONDS = 8


def post(ctx: ToolContext, mode: str, sink: str = "SINK_URL") -> dict[str, Any]:
    """Have an effect at the sink."""
    answer = ctx.http.post(
        f"{os.environ[sink]}/{mode}",
        json={"job": str(ctx.job_id), "step": ctx.node, "amount": "10.00"},
        headers={"Idempotency-Key": ctx.idempotency_key},
        timeout=PATIENCE_SECONDS,
    )
    if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
        raise ToolError("The provider will not.", code="REFUSED")
    effect: str = answer.raise_for_status().json()["effect"]
    return {"effect": effect}


def effects(ctx: ToolContext, key: str) -> list[str]:
    """What the sink knows of a key."""
    answer = ctx.http.get(f"{os.environ['SINK_URL']}/effects", params={"key": key}, timeout=PATIENCE_SECONDS)
    found: list[str] = answer.raise_for_status().json()["effects"]
    return found


@tool(effect="read", timeout=20)
def look(ctx: ToolContext) -> dict[str, int]:
    return {"known": len(effects(ctx, f"nothing of {ctx.job_id}"))}


@tool(effect="idempotent", window="1h", timeout=20)
def keyed(ctx: ToolContext, mode: str = "keyed") -> dict[str, Any]:
    return post(ctx, mode)


@tool(effect="verifiable", settle=SETTLE_SECONDS, timeout=20)
def verifiable(ctx: ToolContext) -> dict[str, Any]:
    return post(ctx, "lookup")


@tool(effect="verifiable", settle=SETTLE_SECONDS, timeout=20)
def refused(ctx: ToolContext) -> dict[str, Any]:
    """Were it idempotent, a second refusal under the same key would say nothing about the first request."""
    return post(ctx, "refuse")


@refused.reconcile
@verifiable.reconcile
def find(ctx: ToolContext) -> Happened | DidNotHappen:
    found = effects(ctx, ctx.idempotency_key)
    return Happened({"effect": found[0]}) if found else DidNotHappen()


@tool(effect="once", settle=SETTLE_SECONDS, timeout=20)
def once(ctx: ToolContext) -> dict[str, Any]:
    return post(ctx, "keyless", "SINK_ITSELF_URL")


@tool(effect="transactional", timeout=20)
def booked(ctx: ToolContext) -> dict[str, str]:
    """A row of our own, with a name that no other call gives."""
    from django.contrib.auth.models import Group

    return {"row": Group.objects.create(name=f"{ctx.job_id} {ctx.node} {uuid4()}").name}


TOOLS = [look, keyed, verifiable, refused, once, booked]
