"""Jobs with an effect that nobody knows the outcome of: what tests of the doors for questions begin with."""

from typing import Any

from aetheris.core.context import ToolContext
from aetheris.core.findings import Finding, Undecided
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect, Hooks
from signals_app.models import UnknownOutcome
from tests.world import Registered, World

SETTLE = 600.0
SURE = {"sure": "1"}


def cannot_say(ctx: ToolContext, value: Any = None) -> Finding:
    return Undecided("the bank's books are closed")


def breaking_off(registered: Registered, world: World, value: Any = 1, hooks: Hooks | None = None) -> None:
    """An agent whose one tool, `pay`, never answers: its effect is UNKNOWN at once."""
    pay = world.tool("pay", Effect.ONCE, settle=SETTLE, hooks=hooks or Hooks())
    world.answers["pay"] = ConnectionResetError("half an answer")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("send", pay, value=value)
        return graph

    registered.agent(plan, pay)


def question() -> UnknownOutcome:
    """The one question that is open."""
    return UnknownOutcome.objects.get(kind="resolution", state="open")
