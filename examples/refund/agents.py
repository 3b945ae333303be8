"""The refund agent: look the order up, let a model decide, ask a person if it says so, pay the money back.

query_order → llm_decide ─── approval required ──→ wait_approval ── approved ──→ send_refund → report
                  │                                      └───────── refused ────────────────────↑
                  └───────────── no approval required ───────────────────────────────↑
"""

import os
import re
from typing import Any
from uuid import uuid4

from aetheris import Agent, CriticalError, PlanContext, TaskGraph, function, ref
from examples.refund.tools import REFUNDS, query_order

send_refund = REFUNDS[os.environ.get("REFUND_EFFECT") or "idempotent"]

NEEDED, NOT_NEEDED = "approval required", "no approval required"

PROMPT = f"""\
Decide whether this order's refund needs a person's approval.
It does when the order is abnormal (its status is not "completed", or its issue is not "none")
or when its amount is over 500. Otherwise it does not.
Answer with a JSON object: {{"decision": "{NEEDED}" or "{NOT_NEEDED}", "reason": one sentence}}."""

DECISION = {
    "type": "object",
    "properties": {"decision": {"enum": [NEEDED, NOT_NEEDED]}, "reason": {"type": "string"}},
    "required": ["decision", "reason"],
    "additionalProperties": False,
}


@function
def report(
    order: dict[str, Any],
    decision: dict[str, Any],
    approval: dict[str, Any] | None,
    refund: dict[str, Any] | None,
) -> dict[str, Any]:
    """The job's result. No refund means that a person refused it; no approval, that nobody was asked."""
    return {
        "order_id": order["order_id"],
        "amount": order["amount"],
        "decision": decision["decision"],
        "reason": decision["reason"],
        "approval": approval,
        "refunded": refund is not None,
        "refund": refund,
    }


class RefundAgent(Agent):
    """Refunds one order, named in its goal: "Refund order-123: the product is defective"."""

    name = "refund-agent"
    tools = [query_order, send_refund]
    functions = [report]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()

        graph.tool("query_order", query_order, order_id=order_in(goal))
        graph.llm("llm_decide", PROMPT, inputs={"order": ref("query_order")}, answer=DECISION)
        graph.wait(
            "wait_approval",
            kind="human",
            correlation_key=f"approval-{uuid4()}",
            park=True,
            timeout="24h",
            reason="A refund waits for a person's approval",
            approves="send_refund",
        )
        graph.tool(
            "send_refund",
            send_refund,
            order_id=ref("query_order.order_id"),
            amount=ref("query_order.amount"),
        )
        graph.function(
            "report",
            report,
            order=ref("query_order"),
            decision=ref("llm_decide"),
            approval=ref("wait_approval", default=None),
            refund=ref("send_refund", default=None),
        )

        graph.edge("query_order", "llm_decide")
        graph.edge("llm_decide", "wait_approval", when=decision_is(NEEDED))
        graph.edge("llm_decide", "send_refund", when=decision_is(NOT_NEEDED))
        graph.edge("wait_approval", "send_refund")
        graph.edge("wait_approval", "report", on="refused")
        graph.edge("send_refund", "report")
        return graph


def order_in(goal: str) -> str:
    """The one order that the goal names. Raises `CriticalError` when it names none, or more than one."""
    orders: set[str] = set(re.findall(r"\border-\d+\b", goal))
    if len(orders) != 1:
        raise CriticalError("The goal must name one order, like order-123.", code="GOAL_WITHOUT_ORDER")
    return orders.pop()


def decision_is(decision: str) -> dict[str, Any]:
    """The condition of an edge that leads on after this decision."""
    return {"ref": "llm_decide.decision", "op": "==", "value": decision}
