"""One agent for each shape of a job; the goal names the effect class, and how the world treats its calls."""

from typing import Any

from aetheris import Agent, PlanContext, RetryPolicy, StepContext, TaskGraph, function, ref, step
from aetheris.core import registry
from aetheris.core.handlers import Effect, ModelAnswer, ModelRequest
from aetheris.testing.crash_matrix.world import here
from tests.chaos.matrix.shop.tools import PAYMENTS, look

KEY = "ask-1"
WAIT_SECONDS = 3600
DEADLINE_SECONDS = 600
RETRIES = RetryPolicy(max_tries=5, first_seconds=0.5, longest_seconds=1)


class Script:
    """A model that always says the same. It is a script, not an LLM; the provider notes that it was asked."""

    def complete(self, request: ModelRequest) -> ModelAnswer:
        import httpx

        job = request.inputs["job"]
        here.note(job, "decide")
        httpx.get(f"{here.url}/effects", params={"key": f"aetheris:{job}:decide:1"}, timeout=10).raise_for_status()
        return ModelAnswer("yes", model="a-script-not-an-llm", prompt_tokens=1, completion_tokens=1)


registry.models.register("script", Script())


@function
def receipt(paid: Any, answer: Any = None) -> dict[str, Any]:
    return {"paid": paid, "answer": answer}


class Payer(Agent):
    tools = [look, *PAYMENTS.values()]
    functions = [receipt]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        effect, how = goal.split()
        graph = TaskGraph()
        self.draw(graph, effect, how)
        return graph

    def draw(self, graph: TaskGraph, effect: str, how: str) -> None:
        """Add this shape's nodes."""
        raise NotImplementedError

    def pay(self, graph: TaskGraph, effect: str, how: str, node: str = "pay") -> None:
        graph.tool(node, PAYMENTS[Effect(effect)], how=how)
        graph.options(node, retry=RETRIES)

    def finish(self, graph: TaskGraph) -> None:
        graph.function("receipt", receipt, paid=ref("pay", default=None))
        graph.edge("pay", "receipt")


class Simple(Payer):
    name = "simple"

    def draw(self, graph: TaskGraph, effect: str, how: str) -> None:
        self.pay(graph, effect, how)
        self.finish(graph)


class Refund(Payer):
    """Look, ask a person, pay, report."""

    name = "refund"

    def draw(self, graph: TaskGraph, effect: str, how: str) -> None:
        graph.tool("look", look)
        graph.wait("ask", kind="human", correlation_key=KEY, approves="pay", reason="May we?")
        self.pay(graph, effect, how)
        self.finish(graph)
        graph.edge("look", "ask")
        graph.edge("ask", "pay")


class Parallel(Payer):
    """Four payments at one level."""

    name = "parallel"

    def draw(self, graph: TaskGraph, effect: str, how: str) -> None:
        graph.function("receipt", receipt, paid=[ref(node) for node in BRANCHES])
        for node in BRANCHES:
            self.pay(graph, effect, how, node)
            graph.edge(node, "receipt")


BRANCHES = ("pay-1", "pay-2", "pay-3", "pay-4")


class Race(Payer):
    """Pays, whether a signal comes or the time for it is over."""

    name = "race"

    def draw(self, graph: TaskGraph, effect: str, how: str) -> None:
        graph.wait("ask", kind="webhook", correlation_key=KEY, timeout=WAIT_SECONDS, on_timeout="branch")
        self.pay(graph, effect, how)
        self.finish(graph)
        graph.edge("ask", "pay")
        graph.edge("ask", "pay", on="timeout")


@step
def pay_in_a_step(ctx: StepContext, effect: str, how: str) -> dict[str, Any]:
    """Reads a value of the runtime, pays, and reads."""
    number = ctx.uuid()
    paid = ctx.named("pay").call(PAYMENTS[Effect(effect)], how=how)
    seen = ctx.named("look").call(look)
    page = ctx.named("page").fetch(f"{here.url}/effects?key=nobody")
    return {"number": str(number), "paid": paid, "seen": seen, "status": page.status}


class Stepper(Payer):
    """Pays in the middle of code."""

    name = "stepper"
    steps = [pay_in_a_step]

    def draw(self, graph: TaskGraph, effect: str, how: str) -> None:
        graph.step("pay", pay_in_a_step, effect=effect, how=how)
        self.finish(graph)


class Checked(Payer):
    """Pays, waits, and looks whether it is still paid before it goes on."""

    name = "checked"

    def draw(self, graph: TaskGraph, effect: str, how: str) -> None:
        self.pay(graph, effect, how)
        graph.wait("ask", kind="webhook", correlation_key=KEY)
        graph.function("receipt", receipt, paid=ref("pay"))
        graph.edge("pay", "ask")
        graph.edge("ask", "receipt")


class Mailbox(Payer):
    """Pays when somebody has written to it."""

    name = "mailbox"

    def draw(self, graph: TaskGraph, effect: str, how: str) -> None:
        graph.wait("ask", kind="message", correlation_key=KEY)
        self.pay(graph, effect, how)
        self.finish(graph)
        graph.edge("ask", "pay")


class Overdue(Race):
    """Would wait for longer than it may."""

    name = "overdue"
    deadline = DEADLINE_SECONDS


class Thinker(Agent):
    """Asks a model."""

    name = "thinker"
    functions = [receipt]

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        graph.llm("decide", "Yes?", inputs={"job": str(ctx.job_id)}, model="script:one")
        graph.function("receipt", receipt, paid=ref("decide"))
        graph.edge("decide", "receipt")
        return graph
