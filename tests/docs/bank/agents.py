"""An agent whose payment is in doubt as soon as it was sent, and settled a second later."""

from aetheris import Agent, PlanContext, TaskGraph, ToolContext, tool


@tool(effect="once", timeout=1, settle=0.001)
def pay(ctx: ToolContext) -> dict[str, int]:
    raise ConnectionResetError("the bank hung up in the middle of its answer")


class Payer(Agent):
    name = "payer"
    tools = [pay]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        graph.tool("pay", pay)
        return graph
