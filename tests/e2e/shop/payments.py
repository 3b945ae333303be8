"""The same payment in each effect class. The witness is the provider outside; for `transactional`, the database."""

import os
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from aetheris import DidNotHappen, Happened, ToolContext, tool
from tests.e2e.shop.tools import witness

SETTLE_SECONDS = 1


def send(ctx: ToolContext) -> dict[str, str]:
    """Pay, under the key of the effect."""
    answer = ctx.http.post(
        f"{os.environ['PAYMENTS_URL']}/refunds",
        json={"order_id": "order-1", "amount_cents": 100},
        headers={"Idempotency-Key": ctx.idempotency_key},
        timeout=20,
    )
    refund: dict[str, str] = answer.raise_for_status().json()
    return refund


def look_up(ctx: ToolContext) -> httpx.Response:
    """Ask what became of the effect's key. The provider notes that it was asked."""
    return ctx.http.get(f"{os.environ['PAYMENTS_URL']}/refunds/{quote(ctx.idempotency_key, safe='')}", timeout=20)


@tool(effect="pure")
def pure_payment(ctx: ToolContext) -> dict[str, Any]:
    """Pure but for one thing: somebody outside has to count its calls."""
    return {"status": look_up(ctx).status_code}


@tool(effect="read")
def read_payment(ctx: ToolContext) -> dict[str, Any]:
    return {"status": look_up(ctx).status_code}


@tool(effect="transactional")
def transactional_payment(ctx: ToolContext) -> dict[str, str]:
    """A row of our own, with a name that no other call gives. A file notes the call: no rollback takes that back."""
    from django.contrib.auth.models import Group

    witness("transactional_payment", ctx)
    return {"row": Group.objects.create(name=f"{ctx.job_id} {uuid4()}").name}


@tool(effect="idempotent")
def idempotent_payment(ctx: ToolContext) -> dict[str, str]:
    return send(ctx)


@tool(effect="verifiable", settle=SETTLE_SECONDS)
def verifiable_payment(ctx: ToolContext) -> dict[str, str]:
    return send(ctx)


@verifiable_payment.reconcile
def find_payment(ctx: ToolContext) -> Happened | DidNotHappen:
    answer = look_up(ctx)
    return DidNotHappen() if answer.status_code == 404 else Happened(answer.raise_for_status().json())


@tool(effect="once")
def once_payment(ctx: ToolContext) -> dict[str, str]:
    return send(ctx)


PAYMENTS = [
    pure_payment,
    read_payment,
    transactional_payment,
    idempotent_payment,
    verifiable_payment,
    once_payment,
]
