"""The refund agent's tools against the real services, and its plan."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from aetheris import CriticalError, DidNotHappen, Happened, PlanContext, ToolContext, ToolError
from aetheris.core.handlers import Tool
from examples.refund.agents import NEEDED, NOT_NEEDED, RefundAgent, order_in, report
from examples.refund.demo.runtime import ROOT
from examples.refund.tools import REFUNDS, cents, find_refund, query_order, send_refund
from examples.refund.world.model import decide
from examples.refund.world.orders import table
from tests.examples.services import Service


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Service]]:
    services = {name: Service(name, tmp_path) for name in ("orders", "payments")}
    for name, service in services.items():
        monkeypatch.setenv(f"{name.upper()}_URL", service.url)
    yield services
    for service in services.values():
        service.end()


def context(key: str = "aetheris:job:send_refund:1") -> ToolContext:
    return ToolContext(uuid4(), "default", "node", key, 1, 30.0)


def test_the_tools_declare_what_they_do() -> None:
    assert (query_order.effect, send_refund.effect) == ("read", "idempotent")
    assert send_refund.window == 24 * 3600
    assert {effect: declared.effect for effect, declared in REFUNDS.items()} == {
        effect: effect for effect in ("idempotent", "verifiable", "once")
    }
    assert {declared.settle for declared in REFUNDS.values()} == {30.0}


@pytest.mark.parametrize("effect", [*REFUNDS, ""])
def test_the_environment_says_which_one_the_agent_takes(effect: str) -> None:
    told = "from examples.refund.agents import RefundAgent; print(*(tool.effect for tool in RefundAgent.tools))"
    environment = {**os.environ, "REFUND_EFFECT": effect}
    answer = subprocess.run([sys.executable, "-c", told], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert answer.stdout.decode().split() == ["read", effect or "idempotent"]


@pytest.mark.parametrize("send", REFUNDS.values(), ids=list(REFUNDS))
def test_each_of_them_sends_the_same_refund(world: dict[str, Service], send: Tool) -> None:
    sent = send(context(), "order-123", Decimal("100.00"))
    (line,) = world["payments"].get("/log").json()["lines"]
    assert sent == {
        "refund_id": line["answer"]["refund_id"],
        "status": "success",
        "idempotency_key": "aetheris:job:send_refund:1",
    }


def test_the_provider_is_asked_under_the_key_of_the_effect(world: dict[str, Service]) -> None:
    assert find_refund(context(), "order-123", Decimal("100.00")) == DidNotHappen()
    sent = send_refund(context(), "order-123", Decimal("100.00"))
    assert find_refund(context(), "order-123", Decimal("100.00")) == Happened(sent)
    assert find_refund(context("another"), "order-123", Decimal("100.00")) == DidNotHappen()


def test_a_provider_that_is_away_can_not_be_asked(world: dict[str, Service]) -> None:
    """Any error leaves it undecided: it is never taken for a no."""
    world["payments"].end(kill=True)
    with pytest.raises(httpx.TransportError):
        find_refund(context(), "order-123", Decimal("100.00"))


def test_it_reads_an_order(world: dict[str, Service]) -> None:
    assert query_order(context(), "order-123") == table()["order-123"]


@pytest.mark.parametrize("order_id", ["order-999", "../log", "", "order 1"])
def test_an_unknown_order_is_a_tool_error_with_its_code(world: dict[str, Service], order_id: str) -> None:
    with pytest.raises(ToolError) as error:
        query_order(context(), order_id)
    assert error.value.code == "ORDER_NOT_FOUND"


def test_a_refund_is_sent_under_the_key_of_its_effect(world: dict[str, Service]) -> None:
    first = send_refund(context(), "order-123", Decimal("100.00"))
    assert first["status"] == "success"
    assert first["idempotency_key"] == "aetheris:job:send_refund:1"
    assert send_refund(context(), "order-123", Decimal("100.00")) == first
    line, _ = world["payments"].get("/log").json()["lines"]
    assert (line["key"], line["amount_cents"]) == (first["idempotency_key"], 10000)
    assert line["answer"]["refund_id"] == first["refund_id"]


def test_what_the_provider_refuses_did_not_happen(world: dict[str, Service]) -> None:
    with pytest.raises(ToolError, match="positive") as error:
        send_refund(context(), "order-123", Decimal("0.00"))
    assert error.value.code == "REFUND_REFUSED"


def test_a_key_that_stands_for_something_else_leaves_it_open(world: dict[str, Service]) -> None:
    send_refund(context(), "order-123", Decimal("100.00"))
    with pytest.raises(httpx.HTTPStatusError):
        send_refund(context(), "order-123", Decimal("99.00"))


def test_a_provider_that_is_away_leaves_it_open(world: dict[str, Service]) -> None:
    world["payments"].end(kill=True)
    with pytest.raises(httpx.TransportError):
        send_refund(context(), "order-123", Decimal("100.00"))


def test_money_is_never_rounded() -> None:
    assert [cents(Decimal(text)) for text in ("0.01", "100", "1110.39")] == [1, 10000, 111039]
    with pytest.raises(ToolError) as error:
        cents(Decimal("0.005"))
    assert error.value.code == "AMOUNT_NOT_IN_CENTS"


def test_the_plan_is_a_graph_that_can_run() -> None:
    graph = RefundAgent().plan(PlanContext(uuid4(), "default"), "Refund order-7: broken")
    graph.check()
    assert list(graph.nodes) == ["query_order", "llm_decide", "wait_approval", "send_refund", "report"]
    assert graph.nodes["query_order"].arguments == {"order_id": "order-7"}
    wait = graph.nodes["wait_approval"].config
    assert (wait["wait_kind"], wait["park"], wait["timeout"]) == ("human", True, 24 * 3600)
    assert wait["correlation_key"].startswith("approval-")
    assert wait["approves"] == "send_refund"
    json.dumps(graph.as_dict())


def test_the_rules_say_the_words_that_the_plan_waits_for() -> None:
    assert {decide(order)["decision"] for order in table().values()} == {NEEDED, NOT_NEEDED}


@pytest.mark.parametrize("goal", ["Give it back", "", "Refund order-", "Refund order-1 and order-2"])
def test_a_goal_must_name_one_order(goal: str) -> None:
    with pytest.raises(CriticalError) as error:
        order_in(goal)
    assert error.value.code == "GOAL_WITHOUT_ORDER"
    assert order_in("order-1, I said order-1!") == "order-1"


def test_the_report_says_whether_money_went_back() -> None:
    order, decision = table()["order-123"], {"decision": NEEDED, "reason": "abnormal"}
    refund = {"refund_id": "refund-1", "status": "success", "idempotency_key": "k"}
    assert report(order, decision, {"approved": True}, refund)["refunded"] is True
    refused = report(order, decision, {"approved": False}, None)
    assert (refused["refunded"], refused["refund"], refused["amount"]) == (False, None, "100.00")
