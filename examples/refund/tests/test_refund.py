"""What the refund agent promises, shown with the test kit: no service, no worker and no LLM runs here."""

import pytest

from aetheris import ToolError
from aetheris.core.errors import Refused
from aetheris.testing import FakeWorld, ScriptedModel, half, lost
from aetheris.testing.runtime import Runtime
from examples.refund.agents import NEEDED, NOT_NEEDED, RefundAgent, send_refund
from examples.refund.tools import query_order

GOAL = "Refund order-7: the product is defective"
ORDER = {"order_id": "order-7", "status": "completed", "amount": "42.50", "issue": "none"}
PAID = {"refund_id": "refund-1", "status": "applied", "idempotency_key": "a key"}


@pytest.fixture(autouse=True)
def shop(world: FakeWorld) -> None:
    """One order, and a provider that pays."""
    world.fake(query_order, ORDER)
    world.fake(send_refund, PAID)


def says(decision: str) -> dict[str, str]:
    return {"decision": decision, "reason": "the rules say so"}


def test_an_ordinary_refund_is_paid_at_once(runtime: Runtime, world: FakeWorld, model: ScriptedModel) -> None:
    model.answers(says(NOT_NEEDED))
    job = runtime.submit(RefundAgent, GOAL)
    assert (job.state, job.result["refunded"], job.result["approval"]) == ("completed", True, None)
    assert model.asked[0].inputs == {"order": ORDER}
    assert [(call.tool, call.arguments["order_id"]) for call in world.calls] == [
        ("query_order", "order-7"),
        ("send_refund", "order-7"),
    ]
    assert world.calls[-1].key == f"aetheris:{job.id}:send_refund:1"


def test_an_unusual_one_waits_for_somebody_else(runtime: Runtime, world: FakeWorld, model: ScriptedModel) -> None:
    model.answers(says(NEEDED))
    job = runtime.submit(RefundAgent, GOAL, by="anna")
    assert (job.state, world.called("send_refund")) == ("parked", 0)
    with pytest.raises(Refused, match="may not decide"):
        job.approve(by="anna")
    job.approve(by="bert", reason="seen the photos")
    assert (job.state, world.called("send_refund")) == ("completed", 1)
    assert job.result["approval"] == {"approved": True, "reason": "seen the photos"}


def test_a_refusal_pays_nothing(runtime: Runtime, world: FakeWorld, model: ScriptedModel) -> None:
    model.answers(says(NEEDED))
    job = runtime.submit(RefundAgent, GOAL)
    job.refuse()
    assert (job.outcome, job.result["refunded"], world.called("send_refund")) == ("refused", False, 0)


def test_nobody_is_waited_for_longer_than_a_day(runtime: Runtime, world: FakeWorld, model: ScriptedModel) -> None:
    model.answers(says(NEEDED))
    job = runtime.submit(RefundAgent, GOAL)
    runtime.advance("23h")
    assert job.state == "parked"
    runtime.advance("1h")
    assert (job.state, job.error["code"], world.called("send_refund")) == ("failed", "WAIT_TIMED_OUT", 0)


def test_a_model_that_is_late_is_asked_again(runtime: Runtime, model: ScriptedModel) -> None:
    model.answers(TimeoutError("no answer"), says(NOT_NEEDED))
    job = runtime.submit(RefundAgent, GOAL)
    assert (job.state, len(model.asked)) == ("retrying", 1)
    runtime.advance("10s")
    assert (job.state, len(model.asked)) == ("completed", 2)


def test_half_an_answer_of_the_model_pays_nothing(runtime: Runtime, world: FakeWorld, model: ScriptedModel) -> None:
    model.answers(half(says(NOT_NEEDED)))
    job = runtime.submit(RefundAgent, GOAL)
    assert (job.state, job.error["code"], world.called("send_refund")) == ("failed", "MODEL_ANSWER_INVALID", 0)


def test_an_order_that_is_not_there_is_not_refunded(runtime: Runtime, world: FakeWorld) -> None:
    world.answers["query_order"] = ToolError("no such order", code="ORDER_NOT_FOUND")
    job = runtime.submit(RefundAgent, GOAL)
    assert (job.state, job.error["code"], world.called("send_refund")) == ("failed", "ORDER_NOT_FOUND", 0)


def test_a_refund_whose_answer_is_lost_is_sent_again_under_its_key(
    runtime: Runtime, world: FakeWorld, model: ScriptedModel
) -> None:
    model.answers(says(NOT_NEEDED))
    world.answers["send_refund"] = lost(PAID)
    job = runtime.submit(RefundAgent, GOAL)
    world.answers["send_refund"] = PAID
    runtime.advance("10s")
    assert (job.state, world.called("send_refund"), world.applied(send_refund)) == ("completed", 2, 1)
