"""What may be called: argument schemas from type hints, `@tool`, `@function`, the registry, agents."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from aetheris.agents.base import Agent
from aetheris.core import registry
from aetheris.core.answers import misfit, schema_problem
from aetheris.core.canonical import loads
from aetheris.core.errors import ArgumentsInvalid, GraphError, NotCanonical, UnknownName
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.registry import Registry
from aetheris.core.schema import Signature
from aetheris.tools.decorator import function, tool


def refund(ctx: Any, order_id: str, amount: Decimal, note: str = "none") -> dict[str, Any]:
    return {"order_id": order_id, "amount": amount, "note": note}


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    """The registries as they were."""
    registries: list[Registry[Any]] = [registry.tools, registry.functions, registry.agents]
    kept = [(each, dict(each._items)) for each in registries]
    yield
    for each, items in kept:
        each._items.clear()
        each._items.update(items)


def test_arguments_are_checked_and_written_with_their_defaults() -> None:
    signature = Signature(refund)
    text = signature.canonical({"order_id": "o-1", "amount": "12.50"})
    assert text == '{"amount":"12.50","note":"none","order_id":"o-1"}'
    assert signature.bind({"order_id": "o-1", "amount": "12.50"}) == {
        "order_id": "o-1",
        "amount": Decimal("12.50"),
        "note": "none",
    }


class Marked(BaseModel, frozen=True):
    marks: frozenset[int]


@dataclass(frozen=True)
class Boxed:
    marks: set[int]


def mark(ctx: Any, marks: set[int], parts: list[Marked], box: Boxed, all: set[Marked], more: Any) -> set[int]:
    return marks


@pytest.mark.parametrize("numbers", [[8, 0, 16], [0, 16, 8], [16, 8, 0, 8]])
def test_a_set_has_one_text_in_whatever_order_it_is_kept(numbers: list[int]) -> None:
    """Python keeps it in another order in each process; a digest of it must be the same after a crash."""
    signature, marked = Signature(mark), {"marks": numbers}
    arguments = {"marks": numbers, "parts": [marked], "box": marked, "all": [marked, {"marks": [9]}]}
    text = signature.canonical({**arguments, "more": (set(numbers),)})
    assert text == (
        '{"all":[{"marks":[0,16,8]},{"marks":[9]}],"box":{"marks":[0,16,8]},"marks":[0,16,8],"more":[[0,16,8]],'
        '"parts":[{"marks":[0,16,8]}]}'
    )
    assert signature.result(set(numbers)) == [0, 16, 8]
    assert signature.bind(loads(text))["box"] == Boxed({0, 8, 16})


def test_ctx_is_no_argument() -> None:
    assert Signature(refund).takes_context
    assert set(Signature(refund).json_schema()["properties"]) == {"order_id", "amount", "note"}
    assert Signature(refund).json_schema()["required"] == ["order_id", "amount"]


def grow(left: int) -> TaskGraph:
    return TaskGraph()


def a_graph(ctx: Any) -> TaskGraph:
    return TaskGraph()


def test_a_workflow_may_say_that_it_returns_a_graph_and_a_tool_may_not() -> None:
    """A tool's result is data, held against its hint; a graph is checked as a graph."""
    function(grow).check()
    with pytest.raises(TypeError, match="a_graph: its type hints make no schema"):
        tool()(a_graph).check()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"order_id": "o-1"}, "amount"),
        ({"order_id": 1, "amount": "1"}, "order_id"),
        ({"order_id": "o-1", "amount": "many"}, "amount"),
        ({"order_id": "o-1", "amount": "1", "currency": "EUR"}, "currency"),
        ({"order_id": "o-1", "amount": "1", "ctx": 1}, "ctx"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ArgumentsInvalid) as problem:
        Signature(refund).bind(arguments)
    assert named in problem.value.details
    assert problem.value.code == "ARGUMENTS_INVALID"


@pytest.mark.parametrize(("names", "told"), [({"order_id"}, "amount"), ({"order_id", "amount", "x"}, "x")])
def test_names_are_checked_before_any_value_is_there(names: set[str], told: str) -> None:
    with pytest.raises(ArgumentsInvalid, match=told):
        Signature(refund).check_names(dict.fromkeys(names))


def test_an_argument_without_canonical_form_is_refused() -> None:
    def wait(ctx: Any, seconds: float) -> None: ...

    with pytest.raises(NotCanonical):
        Signature(wait).canonical({"seconds": float("inf")})


def test_what_was_written_is_bound_to_the_same_values() -> None:
    def call(ctx: Any, count: int, amount: Decimal, tags: list[str], when: float = 0.5) -> None: ...

    signature = Signature(call)
    given = {"count": 2**60, "amount": Decimal("0.10"), "tags": ["a"], "when": 1.0}
    assert signature.bind(loads(signature.canonical(given))) == given


def test_only_ordinary_arguments_are_taken() -> None:
    def anything(ctx: Any, *values: int) -> None: ...

    def everything(ctx: Any, **values: int) -> None: ...

    for call in (anything, everything):
        with pytest.raises(TypeError, match="ordinary"):
            Signature(call)


def test_a_tool_is_registered_with_the_strictest_effect_by_default() -> None:
    @tool()
    def act_once(ctx: Any, value: int) -> int:
        return value

    assert registry.tools.get("act_once") is act_once
    assert (act_once.effect, act_once.timeout, act_once.window, act_once.settle) == (Effect.ONCE, 30.0, 86400.0, 600.0)
    assert act_once(None, 3) == 3


def test_a_tool_says_what_it_promises() -> None:
    @tool(effect="idempotent", name="pay", version="2", timeout="1m", window="7d", settle=5, queue="heavy")
    def other_name(ctx: Any) -> None: ...

    pay = registry.tools.get("pay")
    assert (pay.effect, pay.version, pay.timeout, pay.window, pay.settle, pay.queue) == (
        Effect.IDEMPOTENT,
        "2",
        60.0,
        604800.0,
        5.0,
        "heavy",
    )
    assert pay.effect.writes
    assert not Effect.READ.writes


def test_a_tool_takes_ctx_and_a_function_does_not() -> None:
    with pytest.raises(TypeError, match="ctx"):
        tool()(lambda value: value)
    with pytest.raises(TypeError, match="ctx"):
        function(lambda ctx: ctx)


@pytest.mark.parametrize(
    ("options", "error"),
    [({"effect": "harmless"}, ValueError), ({"timeout": "soon"}, GraphError), ({"window": 0}, GraphError)],
)
def test_a_tool_that_is_declared_wrongly_is_refused_at_once(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        tool(**options)(refund)
    assert "refund" not in registry.tools


def test_a_name_belongs_to_one_thing() -> None:
    names: Registry[object] = Registry("thing", "THING_NOT_FOUND")
    one = object()
    assert names.register("a", one) is one
    assert names.register("a", one) is one
    with pytest.raises(ValueError, match="Two things are called 'a'"):
        names.register("a", object())
    assert names.get("a") is one


def test_a_name_that_is_not_there_is_told_with_those_that_are() -> None:
    names: Registry[object] = Registry("thing", "THING_NOT_FOUND")
    with pytest.raises(UnknownName, match="there is: none"):
        names.get("a")
    names.register("b", object())
    names.register("a", object())
    with pytest.raises(UnknownName, match="there is: a, b") as problem:
        names.get("c")
    assert problem.value.code == "THING_NOT_FOUND"
    assert len(list(names)) == 2
    with names.emptied():
        assert "a" not in names
    assert "a" in names


def test_an_agent_is_registered_by_being_written() -> None:
    class Shop(Agent):
        name = "shop-agent"

    class Abstract(Agent):
        pass

    assert isinstance(registry.agents.get("shop-agent"), Shop)
    with pytest.raises(NotImplementedError, match="Shop has no plan"):
        Shop().plan(None, "x")  # type: ignore[arg-type]
    assert not any(isinstance(agent, Abstract) for agent in registry.agents)


def test_two_agents_of_one_name_are_refused() -> None:
    class One(Agent):
        name = "shop-agent"

    with pytest.raises(ValueError, match="Two agents"):

        class Two(Agent):
            name = "shop-agent"


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"type": "object"}, {}, True),
        ({"type": "object"}, [], False),
        ({"type": "integer", "maximum": 3}, 4, False),
        ({}, "anything", True),
        ({"not": {}}, "anything", False),
        ({"$defs": {"n": {"type": "number"}}, "$ref": "#/$defs/n"}, 1.5, True),
        ({"$defs": {"n": {"type": "number"}}, "$ref": "#/$defs/n"}, "1.5", False),
        ({"$ref": "#/$defs/missing"}, 1, False),
        ({"$ref": "https://example.invalid/schema.json"}, 1, False),
        ({"$ref": "#"}, 1, False),
    ],
)
def test_a_schema_is_held_against_a_value_without_the_network(schema: Any, value: Any, fits: bool) -> None:
    assert schema_problem(schema) == ""
    assert (misfit(value, schema) == "") is fits


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"pattern": "("}, {"minimum": "1"}, 7, "object", None, []])
def test_what_is_no_schema_is_told(schema: Any) -> None:
    assert schema_problem(schema)
