"""What tests of the engine share: a small world outside, agents that plan what a test says, and doorbells."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from aetheris.core import registry
from aetheris.core.canonical import loads
from aetheris.core.context import PlanContext, ToolContext
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect, Function, ModelAnswer, ModelRequest, Step, Tool
from aetheris.core.priority import USUAL
from aetheris.core.schema import Signature
from jobs.engine.replay import differences, replay
from jobs.engine.run import run_node
from jobs.engine.sender import Sender
from jobs.engine.submit import submit
from jobs.engine.transitions import recount
from jobs.models import Body, Job, Node
from ledger.models import Entry, Event
from ledger.proof import broken_at

REQUESTER = "user:1/requester"
APPROVER = Sender("user:2/approver", may_signal=True, may_decide=True)


@dataclass
class Doorbells:
    """Doorbells that were rung and not answered yet."""

    rung: list[tuple[UUID, str, str]] = field(default_factory=list)

    def drain(self) -> None:
        """Answer every doorbell, and those that follow, until none is left."""
        while self.rung:
            job_id, path, _ = self.rung.pop(0)
            run_node(job_id, path)


@dataclass
class World:
    """The world outside, in memory: what was called, and what each tool answers (a value, or an error to raise)."""

    calls: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)

    def tool(self, name: str, effect: Effect = Effect.READ, **options: Any) -> Tool:
        """A tool of this world that takes one optional argument, `value`."""

        def call(ctx: ToolContext, value: Any = None) -> Any:
            self.calls.append((name, {"value": value}, ctx.idempotency_key))
            answer = self.answers.get(name, value)
            if callable(answer):
                answer = answer(ctx)
            if isinstance(answer, Exception):
                raise answer
            return answer

        defaults = {"version": "1", "timeout": 30.0, "window": 86400.0, "settle": 600.0, "queue": "default"}
        declared = {"call": call, "signature": Signature(call), **defaults, **options}
        return Tool(name=name, effect=effect, **declared)

    def called(self, name: str) -> int:
        return sum(1 for call, _, _ in self.calls if call == name)


class PlanningAgent:
    """An agent that plans what the test gave it."""

    version: ClassVar[str] = "1"
    max_parallel: ClassVar[int | None] = None
    deadline: str | float | None = None
    priority: int = USUAL

    def __init__(self, name: str, plan: Callable[[], TaskGraph], *handlers: Tool | Function | Step) -> None:
        self.name = name
        self.tools = [handler for handler in handlers if isinstance(handler, Tool)]
        self.functions = [handler for handler in handlers if isinstance(handler, Function)]
        self.steps = [handler for handler in handlers if isinstance(handler, Step)]
        self._plan = plan
        self.planned = 0

    def plan(self, ctx: PlanContext, goal: str) -> TaskGraph:
        self.planned += 1
        return self._plan()


class Scripted:
    """A model that answers from a list, and remembers what it was asked. It is a script, not an LLM."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[ModelRequest] = []

    def complete(self, request: ModelRequest) -> ModelAnswer:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ModelAnswer(answer, model="a-script-not-an-llm", prompt_tokens=3, completion_tokens=1)


def function(call: Callable[..., Any]) -> Function:
    """A function handler that is registered only for one test (`registered`)."""
    return Function(call.__name__, call, Signature(call))


def step(call: Callable[..., Any]) -> Step:
    """A step handler that is registered only for one test (`registered`)."""
    return Step(call.__name__, call, Signature(call))


class Registered:
    """Registers handlers for one test; until `restore` there are no others."""

    def __init__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self._emptied = ExitStack()
        for kind in (registry.agents, registry.tools, registry.functions, registry.steps, registry.models):
            self._emptied.enter_context(kind.emptied())

    def agent(
        self, plan: Callable[[], TaskGraph], *handlers: Tool | Function | Step, name: str = "test-agent"
    ) -> PlanningAgent:
        """An agent with these handlers, whose plan is `plan()`."""
        agent = PlanningAgent(name, plan, *handlers)
        self.put_all(agent)
        return agent

    def put_all(self, agent: PlanningAgent) -> None:
        """Register an agent with its handlers."""
        for tool in agent.tools:
            self.put(registry.tools, tool.name, tool)
        for each in agent.functions:
            self.put(registry.functions, each.name, each)
        for step in agent.steps:
            self.put(registry.steps, step.name, step)
        self.put(registry.agents, agent.name, agent)

    def put(self, where: registry.Registry[Any], name: str, item: Any) -> None:
        where.register(name, item)

    def forget(self) -> None:
        """Nothing is registered any more."""
        self.restore()
        self._empty()

    def restore(self) -> None:
        """What was registered before the test is back."""
        self._emptied.close()


def submitted(goal: str = "do it", *, agent: str = "test-agent", **options: Any) -> Job:
    """A job of the requester, as it stands after submit."""
    made = submit(agent, goal, tenant="default", requested_by=REQUESTER, **options)
    return Job.objects.get(pk=made.job_id)


def again(job: Job) -> Job:
    """The job as it stands now."""
    return Job.objects.select_related("agent").get(pk=job.pk)


def result_of(job: Job) -> Any:
    """The job's result as it stands now."""
    stored = again(job).result
    return None if stored is None else loads(Body.objects.text(job.pk, stored))


def states(job: Job) -> dict[str, str]:
    """Node → state, in plan order, node zero left out."""
    return {node.path: node.state for node in Node.objects.of_job(job.pk) if node.path != "plan"}


def in_turn(*answers: Any) -> Callable[[ToolContext], Any]:
    """A tool's answers, one for each call; errors among them are raised."""
    left = list(answers)

    def answer(ctx: ToolContext) -> Any:
        return left.pop(0)

    return answer


def assert_whole(job: Job) -> None:
    """Rows, counters, chain and events tell the same story."""
    job = again(job)
    events = list(Event.objects.stream(job.pk))
    nodes = list(Node.objects.of_job(job.pk))
    assert broken_at(events, bytes(job.head)) is None
    assert {name: getattr(job, name) for name in recount(job)} == recount(job)
    view = replay(events, Event.objects.told(job.pk, events))
    assert differences(view, job, nodes, Entry.objects.states(job.pk)) == []


def event_types(job: Job) -> list[str]:
    return [event.type for event in Event.objects.stream(job.pk)]
