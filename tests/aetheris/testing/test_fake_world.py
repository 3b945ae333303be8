"""The fake world and the scripted model: what they answer, what they remember, and that they are missed loudly."""

import pytest

from aetheris.core.errors import ToolError
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect, ModelRequest, Tool
from aetheris.core.references import ref
from aetheris.testing import FakeWorld, ScriptedModel, half, in_turn, lost
from aetheris.testing.registering import Registered
from aetheris.testing.runtime import Runtime
from tests.aetheris.testing.liars import declared, never


def ship(ctx: object, article: str, number: int = 1) -> dict[str, str]:
    raise NotImplementedError("this is the real world")


def shipping(registered: Registered, effect: Effect) -> Tool:
    """The tool of an agent that ships two chairs."""
    tool = declared(ship, effect, never)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("ship", tool, article="chair", number=2)
        return graph

    registered.agent(plan, tool)
    return tool


def test_a_fake_keeps_the_declaration_and_records_the_call(
    registered: Registered, runtime: Runtime, world: FakeWorld
) -> None:
    world.fake(shipping(registered, Effect.IDEMPOTENT), {"parcel": "p-1"})
    job = runtime.submit("test-agent")
    assert job.result == {"parcel": "p-1"}
    assert world.calls == [("ship", {"article": "chair", "number": 2}, f"aetheris:{job.id}:ship:1")]


def test_what_was_behind_a_fake_is_back(world: FakeWorld) -> None:
    tool = declared(ship, Effect.VERIFIABLE, never)
    world.fake(tool, {})
    assert (tool.call, tool.hooks.reconcile) != (ship, never)
    world.restore()
    assert (tool.call, tool.hooks.reconcile) == (ship, never)


def test_a_function_is_given_the_arguments_that_it_names(
    registered: Registered, runtime: Runtime, world: FakeWorld
) -> None:
    world.fake(shipping(registered, Effect.READ), lambda ctx, number: {"parcel": f"{ctx.node} {number}"})
    assert runtime.submit("test-agent").result == {"parcel": "ship 2"}


def test_an_effect_whose_answer_was_lost_is_found_by_asking(
    registered: Registered, runtime: Runtime, world: FakeWorld
) -> None:
    world.fake(shipping(registered, Effect.VERIFIABLE), lost({"parcel": "p-1"}))
    job = runtime.submit("test-agent")
    runtime.advance("1m")
    assert (job.state, job.result, world.called("ship")) == ("completed", {"parcel": "p-1"}, 1)


def test_what_did_not_happen_is_sent_again_when_it_cannot_happen_any_more(
    registered: Registered, runtime: Runtime, world: FakeWorld
) -> None:
    world.fake(shipping(registered, Effect.VERIFIABLE), in_turn(TimeoutError(), {"parcel": "p-1"}))
    job = runtime.submit("test-agent")
    runtime.advance("9m")
    assert (job.state, world.called("ship")) == ("retrying", 1)
    runtime.advance("2m")
    assert (job.state, world.called("ship")) == ("completed", 2)


def test_a_script_that_is_too_short_fails_the_test_and_not_only_the_node(
    registered: Registered, runtime: Runtime, world: FakeWorld
) -> None:
    world.fake(shipping(registered, Effect.READ), in_turn(TimeoutError()))
    runtime.submit("test-agent")
    with pytest.raises(AssertionError, match=r"The script is over.*'chair'"):
        runtime.advance("1m")


def asking_twice(registered: Registered) -> None:
    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.llm("one", "First?", inputs={"n": 1}, answer={"type": "object"})
        graph.llm("two", "Then?", inputs={"before": ref("one")})
        graph.edge("one", "two")
        return graph

    registered.agent(plan)


def test_a_model_answers_in_turn_and_then_by_its_rule(
    registered: Registered, runtime: Runtime, model: ScriptedModel
) -> None:
    asking_twice(registered)
    model.answers({"a": 1})
    model.rule = lambda request: f"{request.inputs['before']['a']} and {request.prompt}"
    job = runtime.submit("test-agent")
    assert job.result == {"text": "1 and Then?"}
    assert [request.prompt for request in model.asked] == ["First?", "Then?"]


def test_a_question_too_many_fails_the_test() -> None:
    model = ScriptedModel("only one")
    question = ModelRequest("m", "Really?", {}, None, 0.0, 1.0)
    assert model.complete(question).text == "only one"
    with pytest.raises(AssertionError, match="Really"):
        model.complete(question)
    with pytest.raises(AssertionError, match="asked 1 more: Really"):
        model.check()


def test_half_an_answer_is_half_of_its_text() -> None:
    assert half({"a": 1}) == '{"a'
    assert half("abcd") == "ab"


def test_an_error_is_raised_by_the_world(registered: Registered, runtime: Runtime, world: FakeWorld) -> None:
    world.fake(shipping(registered, Effect.ONCE), ToolError("sold out", code="SOLD_OUT"))
    job = runtime.submit("test-agent")
    assert (job.state, job.error["code"], world.called("ship"), len(world.calls)) == ("failed", "SOLD_OUT", 1, 1)
