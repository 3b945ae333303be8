"""Agents that need an operator: one asks, one does not know, one fails, one works where nobody does."""

from aetheris import Agent, PlanContext, TaskGraph, ToolContext, ToolError, ref, tool


@tool(effect="read")
def find_order(ctx: ToolContext, order_id: str) -> dict[str, str]:
    return {"order_id": order_id, "amount": "129.90", "iban": "DE02 1203 0000 0000 2020 51"}


@tool(effect="idempotent")
def refund(ctx: ToolContext, order_id: str, amount: str, iban: str) -> dict[str, str]:
    return {"key": ctx.idempotency_key}


@tool(effect="once", settle="10m")
def send_letter(ctx: ToolContext, order_id: str, text: str) -> dict[str, str]:
    raise ConnectionResetError("the post office hung up in the middle of its answer")


@tool(effect="read")
def ask_stock(ctx: ToolContext, order_id: str) -> int:
    raise ToolError("The stock service knows no such order.", code="ORDER_NOT_FOUND")


@tool(effect="read", queue="attic")
def find_letter(ctx: ToolContext, order_id: str) -> str:
    return "Dear Sir or Madam"


class Refunds(Agent):
    name = "refunds"
    tools = [find_order, refund]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        graph.tool("find", find_order, order_id="order-17")
        graph.wait(
            "agree",
            kind="human",
            correlation_key="refund-order-17",
            approves="refund",
            timeout="24h",
            reason="The customer wants the money back",
        )
        graph.tool("refund", refund, order_id="order-17", amount=ref("find.amount"), iban=ref("find.iban"))
        graph.edge("find", "agree")
        graph.edge("agree", "refund")
        return graph


class Letters(Agent):
    name = "letters"
    tools = [send_letter]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        graph.tool("send", send_letter, order_id="order-17", text="Dear customer, your money is on its way.")
        return graph


class Stock(Agent):
    name = "stock"
    tools = [ask_stock]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        graph.tool("ask", ask_stock, order_id="order-18")
        return graph


class Archive(Agent):
    name = "archive"
    tools = [find_letter]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        graph.tool("find", find_letter, order_id="order-16")
        return graph
