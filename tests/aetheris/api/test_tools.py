"""The tools that this installation's code declares, over REST."""

import pytest

from aetheris.core import registry
from aetheris.core.handlers import Effect
from aetheris.core.tool_contract import contract, summary
from tests.doors import REQUESTER, Door, door, refused, writes
from tests.world import Registered, World


@pytest.fixture
def viewer(database: None) -> Door:
    return door("viewer", "jobs.view_agent")


@pytest.fixture(autouse=True)
def _tools(registered: Registered, world: World) -> None:
    for name, effect in (("pay", Effect.IDEMPOTENT), ("crm.find", Effect.READ), ("shop/list", Effect.PURE)):
        registered.put(registry.tools, name, world.tool(name, effect))


def test_all_tools_are_listed_by_name_without_their_schemas(viewer: Door) -> None:
    answer = viewer.get("tools")
    assert (answer.status, answer.body["total"]) == (200, 3)
    assert answer.body["tools"] == [summary(registry.tools.get(name)) for name in ("crm.find", "pay", "shop/list")]


@pytest.mark.parametrize("name", ["pay", "crm.find", "shop/list"])
def test_one_tool_is_shown_with_its_schemas(viewer: Door, name: str) -> None:
    answer = viewer.get(f"tools/{name}")
    assert (answer.status, answer.body) == (200, contract(registry.tools.get(name)))
    assert answer.body["arguments_schema"]["properties"]["value"]["default"] is None


@pytest.mark.parametrize("name", ["none", "pay/", "%00", "PAY"])
def test_a_tool_that_is_not_there(viewer: Door, name: str) -> None:
    assert refused(lambda: viewer.get(f"tools/{name}")) == (404, "TOOL_NOT_FOUND")


def test_it_takes_the_permission_to_see_agents(database: None) -> None:
    for path in ("tools", "tools/pay"):
        assert Door().get(path).refusal == (401, "UNAUTHORIZED")
        others = [right for right in REQUESTER if right != "jobs.view_agent"]
        assert door(f"other-{len(path)}", *others).get(path).refusal == (403, "FORBIDDEN")


def test_reading_writes_nothing(viewer: Door) -> None:
    assert writes(lambda: viewer.get("tools")) == []
