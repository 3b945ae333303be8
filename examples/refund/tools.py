"""What the refund agent can do to the world outside: look an order up, and pay money back.

A tool declares what a second call would do, and the runtime keeps the promise that follows from it. Paying back is
one HTTP call, declared three times here, because three providers would answer differently to the question what became
of a call that a crash cut off. The agent takes the one that `REFUND_EFFECT` names.
"""

import os
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from aetheris import DidNotHappen, Happened, ToolContext, ToolError, tool

SETTLE = "30s"
"""How long the provider may still apply a request that has reached it."""


@tool(effect="read", timeout=10)
def query_order(ctx: ToolContext, order_id: str) -> dict[str, Any]:
    """The order as the order service knows it: its id, status, amount and issue."""
    response = ctx.http.get(f"{os.environ['ORDERS_URL']}/orders/{quote(order_id, safe='')}", timeout=8)
    if response.status_code == 404:
        raise ToolError(f"The order service knows no order {order_id}.", code="ORDER_NOT_FOUND")
    order: dict[str, Any] = response.raise_for_status().json()
    return order


@tool(effect="idempotent", window="24h", timeout=30, settle=SETTLE)
def send_refund(ctx: ToolContext, order_id: str, amount: Decimal) -> dict[str, str]:
    """Pay `amount` back, to a provider that knows a key again: however often this is sent, it is applied once."""
    return pay_back(ctx, order_id, amount)


@tool(effect="verifiable", timeout=30, settle=SETTLE)
def send_verifiable_refund(ctx: ToolContext, order_id: str, amount: Decimal) -> dict[str, str]:
    """Pay `amount` back, to a provider that can be asked what became of a key."""
    return pay_back(ctx, order_id, amount)


@send_verifiable_refund.reconcile
def find_refund(ctx: ToolContext, order_id: str, amount: Decimal) -> Happened | DidNotHappen:
    response = ctx.http.get(f"{os.environ['PAYMENTS_URL']}/refunds/{quote(ctx.idempotency_key, safe='')}", timeout=8)
    if response.status_code == 404:
        return DidNotHappen()
    return Happened(refund_in(response.raise_for_status().json(), ctx))


@tool(effect="once", timeout=30, settle=SETTLE)
def send_refund_once(ctx: ToolContext, order_id: str, amount: Decimal) -> dict[str, str]:
    """Pay `amount` back, to a provider that offers neither: what a crash cuts off is a person's to find out."""
    return pay_back(ctx, order_id, amount)


REFUNDS = {declared.effect.value: declared for declared in (send_refund, send_verifiable_refund, send_refund_once)}
"""Effect class → the tool that pays back under it."""


def pay_back(ctx: ToolContext, order_id: str, amount: Decimal) -> dict[str, str]:
    """The call. A `ToolError` says that no money moved; every other exception leaves that open."""
    response = ctx.http.post(
        f"{os.environ['PAYMENTS_URL']}/refunds",
        json={"order_id": order_id, "amount_cents": cents(amount)},
        headers={"Idempotency-Key": ctx.idempotency_key},
        timeout=25,
    )
    if response.status_code == 400:
        raise ToolError(response.json()["error"]["message"], code="REFUND_REFUSED")
    return refund_in(response.raise_for_status().json(), ctx)


def refund_in(answer: dict[str, str], ctx: ToolContext) -> dict[str, str]:
    """What is recorded of the provider's answer."""
    return {"refund_id": answer["refund_id"], "status": answer["status"], "idempotency_key": ctx.idempotency_key}


def cents(amount: Decimal) -> int:
    """The amount in whole cents. Raises `ToolError` rather than round money."""
    exact = amount * 100
    if exact != exact.to_integral_value():
        raise ToolError(f"{amount} is not a whole number of cents.", code="AMOUNT_NOT_IN_CENTS")
    return int(exact)
