"""The agent of the crash tests: look, ask a person, pay or not, report."""

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.references import ref
from tests.world import Registered, World, function

KEY = "ask-1"


@function
def report(paid: object, answer: object) -> dict[str, object]:
    return {"paid": paid is not None, "answer": answer}


def install(registered: Registered, world: World) -> None:
    """Register the agent in this process."""
    look, pay = world.tool("look"), world.tool("pay", Effect.IDEMPOTENT)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look, value={"amount": "7"})
        graph.wait("ask", kind="human", correlation_key=KEY, approves="pay", reason="May we?")
        graph.tool("pay", pay, value=ref("look.amount"))
        graph.function("report", report, paid=ref("pay", default=None), answer=ref("ask", default=None))
        graph.edge("look", "ask")
        graph.edge("ask", "pay")
        graph.edge("ask", "report", on="refused")
        graph.edge("pay", "report")
        return graph

    registered.agent(plan, look, pay, report)
