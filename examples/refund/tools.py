"""What the refund agent can do to the world outside: look an order up, and pay money back.

A tool declares what a second call would do, and the runtime keeps the promise that follows from it: a `read`
may be asked again; an `idempotent` effect is sent again only under the key that it was first sent with.
"""

import os
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx

from aetheris import ToolContext, ToolError, tool


@tool(effect="read", timeout=10)
def query_order(ctx: ToolContext, order_id: str) -> dict[str, Any]:
    """The order as the order service knows it: its id, status, amount and issue."""
    response = httpx.get(f"{os.environ['ORDERS_URL']}/orders/{quote(order_id, safe='')}", timeout=8)
    if response.status_code == 404:
        raise ToolError(f"The order service knows no order {order_id}.", code="ORDER_NOT_FOUND")
    order: dict[str, Any] = response.raise_for_status().json()
    return order


@tool(effect="idempotent", window="24h", timeout=30)
def send_refund(ctx: ToolContext, order_id: str, amount: Decimal) -> dict[str, Any]:
    """Pay `amount` back for the order; however often this is sent, the provider applies it once.

    A `ToolError` says that no money moved. Every other exception leaves that open, and the runtime sends the
    same key again.
    """
    response = httpx.post(
        f"{os.environ['PAYMENTS_URL']}/refunds",
        json={"order_id": order_id, "amount_cents": cents(amount)},
        headers={"Idempotency-Key": ctx.idempotency_key},
        timeout=25,
    )
    if response.status_code == 400:
        raise ToolError(response.json()["error"]["message"], code="REFUND_REFUSED")
    refund = response.raise_for_status().json()
    return {
        "refund_id": refund["refund_id"],
        "status": refund["status"],
        "idempotency_key": ctx.idempotency_key,
    }


def cents(amount: Decimal) -> int:
    """The amount in whole cents. Raises `ToolError` rather than round money."""
    exact = amount * 100
    if exact != exact.to_integral_value():
        raise ToolError(f"{amount} is not a whole number of cents.", code="AMOUNT_NOT_IN_CENTS")
    return int(exact)
