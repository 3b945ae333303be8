"""Its goal is how many seconds looking takes."""

import time

from aetheris import Agent, PlanContext, TaskGraph, ToolContext, ref, tool


@tool(effect="read", timeout=60)
def look(ctx: ToolContext, seconds: float) -> dict[str, str]:
    time.sleep(seconds)
    return {"amount": "7.50"}


@tool(effect="idempotent", timeout=60)
def pay(ctx: ToolContext, amount: str) -> dict[str, str]:
    return {"paid": amount, "key": ctx.idempotency_key}


class Desk(Agent):
    name = "desk"
    tools = [look, pay]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look, seconds=float(goal))
        graph.wait("ask", kind="human", correlation_key="ask", approves="pay", reason="May we?")
        graph.tool("pay", pay, amount=ref("look.amount"))
        graph.edge("look", "ask")
        graph.edge("ask", "pay")
        return graph
