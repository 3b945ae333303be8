"""How nodes end, and where that leads: an error that somebody asked for is an answer, any other ends the job."""

from typing import Any

import pytest

from aetheris.core import registry
from aetheris.core.context import ToolContext
from aetheris.core.errors import AetherisError, CriticalError, NotApplied, ToolError
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.references import ref
from aetheris.core.retry import RetryPolicy
from jobs.engine.sweep import sweep
from jobs.models import Node
from ledger.models import Entry
from tests.conftest import Clock
from tests.world import (
    Doorbells,
    Registered,
    Scripted,
    World,
    again,
    event_types,
    function,
    result_of,
    states,
    submitted,
)

pytestmark = pytest.mark.usefixtures("whole")
ONCE = RetryPolicy(max_tries=1)


def rescued(registered: Registered, world: World, effect: Effect = Effect.READ, **edge: Any) -> None:
    """An agent that acts, goes on to `after`, and on an error to `rescue`; then both lead to `join`."""
    act, after, rescue = world.tool("act", effect), world.tool("after"), world.tool("rescue")

    @function
    def join(went: object, saved: object) -> dict[str, object]:
        return {"went": went, "saved": saved}

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("act", act, value="acted")
        graph.options("act", retry=ONCE)
        graph.tool("after", after, value=ref("act"))
        graph.tool("rescue", rescue, value=ref("act.error.code"))
        graph.function("join", join, went=ref("after", default=None), saved=ref("rescue", default=None))
        graph.edge("act", "after")
        graph.edge("act", "rescue", on="error", **edge)
        graph.edge("after", "join")
        graph.edge("rescue", "join")
        return graph

    registered.agent(plan, act, after, rescue, join)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (ToolError("no such order", code="ORDER_NOT_FOUND"), "ORDER_NOT_FOUND"),
        (NotApplied("not now"), "NOT_APPLIED"),
        (ConnectionResetError("half an answer"), "TOOL_IN_DOUBT"),
        ({"amount": float("nan")}, "RESULT_NOT_CANONICAL"),
    ],
)
def test_a_failure_that_an_edge_asks_for_leads_on_with_its_data(
    registered: Registered, world: World, doorbells: Doorbells, answer: Any, code: str
) -> None:
    rescued(registered, world)
    world.answers["act"] = answer
    job = submitted()
    doorbells.drain()
    job = again(job)
    assert (job.state, job.outcome, job.error) == ("completed", "completed", None)
    assert result_of(job) == {"went": None, "saved": code}
    assert states(job) == {"act": "failed", "after": "skipped", "rescue": "completed", "join": "completed"}
    assert Node.objects.get(job=job, path="act").ending == "error"
    assert "job_failing" not in event_types(job)


def test_a_success_skips_what_waits_for_an_error(registered: Registered, world: World, doorbells: Doorbells) -> None:
    rescued(registered, world)
    job = submitted()
    doorbells.drain()
    assert result_of(job) == {"went": "acted", "saved": None}
    assert states(job) == {"act": "completed", "after": "completed", "rescue": "skipped", "join": "completed"}


def test_a_failure_that_nobody_asks_for_fails_the_job(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """The edge is on the first step; the second one has none."""
    rescued(registered, world)
    world.answers["after"] = ToolError("no", code="TOO_LATE")
    job = submitted()
    doorbells.drain()
    assert again(job).state == "failed"
    assert again(job).error_value == {"code": "TOO_LATE", "message": "no", "node_id": "after"}
    assert states(job) == {"act": "completed", "after": "failed", "rescue": "skipped", "join": "cancelled"}


def test_a_critical_failure_fails_the_job_in_spite_of_an_edge(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    rescued(registered, world)
    world.answers["act"] = CriticalError("the account is frozen", code="FROZEN")
    job = submitted()
    doorbells.drain()
    assert (again(job).state, again(job).error_value) == (
        "failed",
        {"code": "FROZEN", "message": "the account is frozen", "node_id": "act"},
    )
    assert world.called("rescue") == 0
    assert Node.objects.get(job=job, path="act").output is None


def test_an_effect_that_nobody_knows_is_no_failure(registered: Registered, world: World, doorbells: Doorbells) -> None:
    """Doubt about a write never takes the error edge: whoever rescues would take it for not done."""
    rescued(registered, world, Effect.ONCE)
    world.answers["act"] = ConnectionResetError("half an answer")
    job = submitted()
    doorbells.drain()
    assert (again(job).state, states(job)["act"]) == ("parked", "waiting")
    assert world.called("rescue") == 0


@pytest.mark.parametrize(("code", "rescue"), [("LIMIT", "completed")])
def test_an_error_edge_may_ask_what_the_error_was(
    registered: Registered, world: World, doorbells: Doorbells, code: str, rescue: str
) -> None:
    rescued(registered, world, when={"ref": "act.error.code", "op": "==", "value": "LIMIT"})
    world.answers["act"] = ToolError("no", code=code)
    job = submitted()
    doorbells.drain()
    assert (again(job).state, states(job)["rescue"]) == ("completed", rescue)


def test_a_function_that_fails_is_rescued_too(registered: Registered, world: World, doorbells: Doorbells) -> None:
    rescue = world.tool("rescue")

    @function
    def divide(by: int) -> float:
        return 1 / by

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.function("divide", divide, by=0)
        graph.tool("rescue", rescue, value=ref("divide.error"))
        graph.edge("divide", "rescue", on="error")
        return graph

    registered.agent(plan, divide, rescue)
    job = submitted()
    doorbells.drain()
    assert (again(job).state, result_of(job)["code"]) == ("completed", "FUNCTION_FAILED")


def test_a_model_that_answers_nonsense_is_rescued_too(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    rescue = world.tool("rescue")
    registered.put(registry.models, "script", Scripted("no JSON"))

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.llm("judge", "Is it polite?", model="script:one", answer={"type": "object"})
        graph.tool("rescue", rescue, value=ref("judge.error.code"))
        graph.edge("judge", "rescue", on="error")
        return graph

    registered.agent(plan, rescue)
    job = submitted()
    doorbells.drain()
    assert (again(job).state, result_of(job)) == ("completed", "MODEL_ANSWER_INVALID")
    assert Entry.objects.get(job=job, step_id="judge").state == "committed", "the model was asked, and is not again"


def test_a_step_that_can_never_run_is_rescued_too(registered: Registered, world: World, doorbells: Doorbells) -> None:
    look, act, rescue = world.tool("look"), world.tool("act"), world.tool("rescue")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look, value={"amount": 1})
        graph.tool("act", act, value=ref("look.price"))
        graph.tool("rescue", rescue, value=ref("act.error.code"))
        graph.edge("look", "act")
        graph.edge("act", "rescue", on="error")
        return graph

    registered.agent(plan, look, act, rescue)
    job = submitted()
    doorbells.drain()
    assert (again(job).state, result_of(job), world.called("act")) == ("completed", "REFERENCE_MISSING", 0)


def test_a_job_that_fails_elsewhere_rescues_nothing(registered: Registered, world: World, doorbells: Doorbells) -> None:
    slow, quick, rescue = world.tool("slow"), world.tool("quick"), world.tool("rescue")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("slow", slow)
        graph.tool("quick", quick)
        graph.tool("rescue", rescue)
        graph.edge("slow", "rescue", on="error")
        return graph

    registered.agent(plan, slow, quick, rescue)
    world.answers["quick"] = ToolError("first", code="FIRST")
    job = submitted()

    def meanwhile(ctx: ToolContext) -> AetherisError:
        doorbells.drain()
        assert again(job).error is not None
        return ToolError("second", code="SECOND")

    world.answers["slow"] = meanwhile
    doorbells.drain()
    assert again(job).state == "failed"
    assert "FIRST" in str(again(job).error)
    assert states(job) == {"slow": "failed", "quick": "failed", "rescue": "cancelled"}


def test_a_failure_in_one_branch_leaves_the_others_alone(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    work, rescue, join = world.tool("work"), world.tool("rescue"), world.tool("join")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("join", join)
        for number in range(4):
            graph.tool(f"work-{number}", work, value=number)
            graph.tool(f"rescue-{number}", rescue, value=ref(f"work-{number}.error.message"))
            graph.edge(f"work-{number}", f"rescue-{number}", on="error")
            graph.edge(f"work-{number}", "join")
            graph.edge(f"rescue-{number}", "join")
        return graph

    registered.agent(plan, work, rescue, join)
    world.answers["work"] = lambda ctx: ToolError(ctx.node) if ctx.node in ("work-1", "work-3") else "fine"
    job = submitted()
    doorbells.drain()
    assert again(job).state == "completed"
    assert sorted(call[1]["value"] for call in world.calls if call[0] == "rescue") == ["work-1", "work-3"]
    assert world.called("join") == 1


def test_a_wait_that_nobody_answers_takes_the_edge_that_asks_for_errors(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    rescue = world.tool("rescue")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("ask", correlation_key="ask-1", timeout=60)
        graph.tool("rescue", rescue, value=ref("ask.error.code"))
        graph.edge("ask", "rescue", on="error")
        return graph

    registered.agent(plan, rescue)
    job = submitted()
    doorbells.drain()
    clock.advance(61)
    sweep()
    doorbells.drain()
    assert (again(job).state, result_of(job)) == ("completed", "WAIT_TIMED_OUT")
