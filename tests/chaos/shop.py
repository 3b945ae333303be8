"""A shop for the state machine: plans that reach every state, tools that a test makes fail, and an honest sink."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import Group

from aetheris.core.context import PlanContext, ToolContext
from aetheris.core.errors import CriticalError, NotApplied, ToolError
from aetheris.core.findings import DidNotHappen, Finding, Happened, Undecided
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect, Hooks, Tool
from aetheris.core.references import ref
from aetheris.core.retry import RetryPolicy
from aetheris.core.schema import Signature
from aetheris.testing.invariants import Sent
from jobs.models import Job
from tests.world import PlanningAgent, Registered, World, function

SETTLE = 60.0
KEY = "ask"
EFFECTS = {effect.value: f"pay-{effect.value}" for effect in Effect if effect.writes}
BEHAVIOURS = ("answers", "loses", "drops", "delays", "refuses", "fails", "breaks")
"""What a payment does: it is applied and answered, applied and not answered, lost on its way, applied later; it is
refused for this time, refused for good, or so that the job must stop."""


@dataclass(frozen=True)
class Flight:
    """A request that is still on its way, at most until `until`."""

    effect: str
    key: str
    until: datetime


class Provider:
    """The payment provider: honest, and as good as the class of the tool says."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Nothing has happened yet."""
        self.sent: list[Sent] = []
        self.flights: list[Flight] = []
        self.behaviour = "answers"
        self.says = "so"

    def pay(self, effect: str, ctx: ToolContext) -> str:
        key, behaviour = ctx.idempotency_key, self.behaviour
        if behaviour == "drops":
            raise TimeoutError("never arrived")
        if behaviour == "delays":
            self.flights.append(Flight(effect, key, Job.objects.now() + timedelta(seconds=SETTLE)))
            raise TimeoutError("is on its way")
        refusals = {"refuses": NotApplied("not now"), "fails": ToolError("never"), "breaks": CriticalError("stop")}
        if behaviour in refusals:
            self._receive(key, applied=False, answered=422)
            raise refusals[behaviour]
        self.apply(effect, key, answered=200 if behaviour == "answers" else 0)
        if behaviour == "loses":
            raise TimeoutError("no answer")
        return "paid"

    def apply(self, effect: str, key: str, answered: int = 0) -> None:
        known = effect == Effect.IDEMPOTENT and self.has_applied(key)
        self._receive(key, applied=not known, answered=answered)

    def arrive(self, flight: Flight) -> None:
        """Let a request arrive, if it still can."""
        self.flights.remove(flight)
        if Job.objects.now() <= flight.until:
            self.apply(flight.effect, flight.key)

    def has_applied(self, key: str) -> bool:
        return any(each.key == key and each.applied for each in self.sent)

    def find_out(self, ctx: ToolContext, value: Any = None) -> Finding:
        if self.says == "nothing":
            return Undecided("nobody knows")
        return Happened("paid") if self.has_applied(ctx.idempotency_key) else DidNotHappen()

    def _receive(self, key: str, *, applied: bool, answered: int) -> None:
        self.sent.append(Sent(key, "machine", "", applied, answered, len(self.sent) + 1))


class Shop(PlanningAgent):
    """Plans what the goal says."""

    def __init__(self, *handlers: Any) -> None:
        super().__init__("shop", TaskGraph, *handlers)
        self._tools: dict[str, Tool] = {tool.name: tool for tool in self.tools}

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        graph = TaskGraph()
        getattr(self, f"_{goal.partition(' ')[0]}")(graph, goal.partition(" ")[2])
        return graph

    def _pay(self, graph: TaskGraph, effect: str) -> None:
        graph.tool("pay", self._tools[EFFECTS[effect]], value="7.50")
        graph.options("pay", retry=RetryPolicy(max_tries=2, jitter=0))
        graph.tool("note", self._tools["look"], value=ref("pay"))
        graph.edge("pay", "note")

    def _ask(self, graph: TaskGraph, effect: str) -> None:
        graph.tool("look", self._tools["look"], value={"amount": "7.50"})
        graph.wait("ask", kind="human", correlation_key=KEY, approves="pay", timeout=100)
        graph.tool("pay", self._tools[EFFECTS[effect]], value=ref("look.amount"))
        graph.tool("note", self._tools["look"], value="refused")
        graph.edge("look", "ask")
        graph.edge("ask", "pay")
        graph.edge("ask", "note", on="refused")

    def _wrong(self, graph: TaskGraph, _: str) -> None:
        """What is to be approved cannot be told."""
        graph.tool("look", self._tools["look"], value={"other": 1})
        graph.wait("ask", kind="human", correlation_key=KEY, approves="pay")
        graph.tool("pay", self._tools[EFFECTS["once"]], value=ref("look.amount"))
        graph.edge("look", "ask")
        graph.edge("ask", "pay")

    def _misfit(self, graph: TaskGraph, _: str) -> None:
        """The second call cannot be made."""
        graph.tool("look", self._tools["look"], value={"other": 1})
        graph.tool("next", self._tools["look"], value=ref("look.amount"))
        graph.edge("look", "next")

    def _signals(self, graph: TaskGraph, _: str) -> None:
        graph.wait("one", correlation_key="first", timeout=100, on_timeout="branch")
        graph.wait("two", correlation_key="second", timeout=100, on_timeout="continue", park=False)
        graph.tool("late", self._tools["look"], value="nobody came")
        graph.edge("one", "two")
        graph.edge("one", "late", on="timeout")

    def _sleep(self, graph: TaskGraph, _: str) -> None:
        graph.sleep("rest", 50)
        graph.tool("look", self._tools["look"], value="awake")
        graph.edge("rest", "look")

    def _watch(self, graph: TaskGraph, on_timeout: str) -> None:
        when = {"ref": "watch", "op": "==", "value": "so"}
        graph.until("watch", self._tools["watch"], when=when, every=20, timeout=60, on_timeout=on_timeout)
        graph.tool("note", self._tools["look"], value="seen")
        graph.tool("mend", self._tools["look"], value="mended")
        graph.edge("watch", "note")
        graph.edge("watch", "mend", on="error")

    def _grow(self, graph: TaskGraph, _: str) -> None:
        graph.workflow("grow", "grown")
        graph.tool("end", self._tools["look"], value=ref("grow"))
        graph.edge("grow", "end")


def open_shop(registered: Registered, world: World, provider: Provider) -> Shop:
    """The shop with its tools, registered."""

    def paying(effect: str) -> Tool:
        def pay(ctx: ToolContext, value: Any = None) -> Any:
            return provider.pay(effect, ctx)

        hooks = Hooks(reconcile=provider.find_out) if effect == Effect.VERIFIABLE else Hooks()
        return world.tool(
            EFFECTS[effect], Effect(effect), call=pay, signature=Signature(pay), settle=SETTLE, hooks=hooks
        )

    def book(ctx: ToolContext, value: Any = None) -> Any:
        Group.objects.create(name=ctx.idempotency_key)
        if provider.behaviour != "answers":
            raise TimeoutError("the tool broke off")
        return "booked"

    def watch(ctx: ToolContext, value: Any = None) -> Any:
        if provider.behaviour == "fails":
            raise ToolError("cannot see")
        return provider.says

    def grown() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("left", "look", value="l")
        graph.tool("right", "look", value="r")
        return graph

    tools = [paying(effect) for effect in EFFECTS if effect != Effect.TRANSACTIONAL]
    booking = world.tool(EFFECTS["transactional"], Effect.TRANSACTIONAL, call=book, signature=Signature(book))
    watching = world.tool("watch", call=watch, signature=Signature(watch))
    shop = Shop(*tools, booking, watching, world.tool("look"), function(grown))
    registered.put_all(shop)
    return shop


def booked(job_id: UUID) -> int:
    """How many rows the transactional tool has written for a job."""
    return Group.objects.filter(name__startswith=f"aetheris:{job_id}:").count()


class Names:
    """Goals of the shop."""

    ALL: ClassVar[tuple[str, ...]] = (
        *(f"pay {effect}" for effect in EFFECTS),
        "ask once",
        "ask idempotent",
        "wrong",
        "misfit",
        "signals",
        "sleep",
        "watch fail",
        "watch continue",
        "grow",
    )
