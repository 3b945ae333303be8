"""An agent that calls the one tool that its goal names: `slow_payment 3`."""

from aetheris import Agent, PlanContext, TaskGraph
from tests.e2e.shop.tools import slow_letter, slow_payment, slow_read


class Caller(Agent):
    name = "caller"
    tools = [slow_read, slow_payment, slow_letter]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        tool, seconds = goal.split()
        graph = TaskGraph()
        graph.tool("call", tool, seconds=float(seconds))
        return graph
