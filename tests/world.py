"""What tests of the engine share: the test kit's world, doorbells and agents, and short ways to a job and its rows."""

from collections.abc import Callable
from typing import Any

from aetheris.core.canonical import loads
from aetheris.core.handlers import Function, Step
from aetheris.core.schema import Signature
from aetheris.testing.doorbells import Doorbells
from aetheris.testing.fake_world import FakeWorld as World
from aetheris.testing.in_turn import in_turn
from aetheris.testing.registering import PlanningAgent, Registered
from aetheris.testing.scripted_model import ScriptedModel as Scripted
from aetheris.testing.wholeness import assert_whole
from jobs.engine.sender import Sender
from jobs.engine.submit import submit
from jobs.models import Body, Job, Node
from ledger.models import Event

__all__ = [
    "APPROVER",
    "REQUESTER",
    "Doorbells",
    "PlanningAgent",
    "Registered",
    "Scripted",
    "World",
    "again",
    "assert_whole",
    "event_types",
    "function",
    "in_turn",
    "result_of",
    "states",
    "step",
    "submitted",
]

REQUESTER = "user:1/requester"
APPROVER = Sender("user:2/approver", may_signal=True, may_decide=True)


def function(call: Callable[..., Any]) -> Function:
    """A function handler that is registered only for one test (`registered`)."""
    return Function(call.__name__, call, Signature(call))


def step(call: Callable[..., Any]) -> Step:
    """A step handler that is registered only for one test (`registered`)."""
    return Step(call.__name__, call, Signature(call))


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


def event_types(job: Job) -> list[str]:
    return [event.type for event in Event.objects.stream(job.pk)]
