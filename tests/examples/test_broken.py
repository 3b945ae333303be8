"""Each ✓ of the demo can fail: a proxy breaks what it stands for, and the demo says ✗ and exits 1."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.refund.demo import instance
from examples.refund.demo.instance import Instance
from examples.refund.world.orders import table
from tests.examples.conftest import RunDemo
from tests.examples.proxy import Call, Proxy, Tamper

Break = Callable[[Instance], Tamper]


def changing(suffix: str, change: Callable[[Any], object]) -> Break:
    """Let `change` alter each true answer to a GET of a path with this end."""

    def tamper(call: Call) -> Any:
        answer = call.forward()
        if call.method == "GET" and call.path.partition("?")[0].endswith(suffix):
            change(answer)
        return answer

    return lambda _: tamper


def changing_second_replay(change: Callable[[Any], object]) -> Break:
    """Let `change` alter the second replay only."""

    def broken(running: Instance) -> Tamper:
        replays = 0

        def second(answer: Any) -> None:
            nonlocal replays
            replays += 1
            if replays == 2:
                change(answer)

        return changing("/replay", second)(running)

    return broken


def meanwhile(suffix: str, act: Callable[[Instance], object]) -> Break:
    """Do something outside whenever a path with this end is called."""

    def broken(running: Instance) -> Tamper:
        def tamper(call: Call) -> Any:
            if call.path.endswith(suffix):
                act(running)
            return call.forward()

        return tamper

    return broken


def swallowing_signals(_: Instance) -> Tamper:
    def tamper(call: Call) -> Any:
        return {"status": "pending"} if call.path.endswith("/signal") else call.forward()

    return tamper


def renaming_accepted(_: Instance) -> Tamper:
    def tamper(call: Call) -> Any:
        answer = call.forward()
        return {**answer, "status": "lost"} if call.path.endswith("/message") else answer

    return tamper


def changing_status(before: str, after: str) -> Break:
    """Answer with another status of the job than the true one."""

    def tamper(call: Call) -> Any:
        answer = call.forward()
        return {**answer, "status": after} if answer.get("status") == before else answer

    return lambda _: tamper


def own_decision(answer: Any) -> None:
    for event in answer["events"]:
        if event["type"] == "wait_completed":
            event["payload"]["decided_by"] = "user:0/nobody"
        if event["type"] == "job_created":
            event["actor"] = "user:0/nobody"


def ask_for_order(running: Instance) -> None:
    httpx.get(f"{running.world['orders']}/orders/order-123", trust_env=False)


def pay_again(running: Instance) -> None:
    refund = {"order_id": "order-123", "amount_cents": 10000}
    headers = {"Idempotency-Key": "a-key-of-no-job"}
    httpx.post(f"{running.world['payments']}/refunds", json=refund, headers=headers, trust_env=False)


def ask_model(running: Instance) -> None:
    order = table()["order-123"]
    httpx.post(f"{running.world['model']}/chat/completions", json={"order": order}, trust_env=False)


def verification(**fields: object) -> Break:
    return changing("/replay", lambda answer: answer["verification"].update(fields))


def results(node: str, **fields: object) -> Break:
    return changing("/replay", lambda answer: answer["payload_results"][node].update(fields))


BREAKS: dict[str, tuple[Break, str]] = {
    "no agent": (changing("/agents", lambda a: a["agents"].clear()), "Agent created"),
    "a tool missing": (changing("/agents", lambda a: a["agents"][0]["tools"].pop()), "Tools registered"),
    "a job not accepted": (renaming_accepted, "Job created"),
    "a job that does not park": (changing_status("parked", "cancelled"), "Job state: parked"),
    "a signal lost": (swallowing_signals, "Signal sent"),
    "decided by the requester": (changing("/events", own_decision), "Signal sent"),
    "an unfinished job": (changing_status("completed", "failed"), "Final job state: failed"),
    "no two replays alike": (
        changing_second_replay(lambda answer: answer["current_state"].update(cursor_node="elsewhere")),
        "Replay deterministic",
    ),
    "one event of the second replay": (
        changing_second_replay(lambda answer: answer["events"][-1].update(actor="somebody")),
        "Replay deterministic",
    ),
    "a broken chain": (verification(chain_valid=False), "Replay deterministic"),
    "a replay that reads": (meanwhile("/replay", ask_for_order), "Tool NOT re-executed"),
    "a replay that pays": (meanwhile("/replay", pay_again), "Tool NOT re-executed"),
    "a tool's result not from the ledger": (
        results("send_refund", refund_id="other"),
        "Tool NOT re-executed",
    ),
    "a replay that asks the model": (meanwhile("/replay", ask_model), "LLM NOT re-called"),
    "an answer not from the ledger": (results("llm_decide", decision="other"), "LLM NOT re-called"),
    "another result": (results("report", refunded=False), "State consistent"),
    "an inconsistent replay": (verification(consistent=False), "State consistent"),
    "differences found": (verification(differences=["one"]), "State consistent"),
    "another phase": (
        changing("/replay", lambda answer: answer["current_state"].update(phase="executing")),
        "State consistent",
    ),
    "a node forgotten": (
        changing("/replay", lambda answer: answer["current_state"]["completed_node_ids"].pop()),
        "State consistent",
    ),
    "an answer without its form": (changing("/replay", lambda a: a.pop("current_state")), "State consistent"),
    "a refund sent twice": (meanwhile("/signal", pay_again), "One request, one key, one refund"),
}


def check_broken(data: Path, demo: RunDemo, breaks: Break, claim: str, *options: str) -> None:
    running = instance.read(data)
    with Proxy(running.url, breaks(running)) as proxy:
        ended = demo("--api", proxy.url, *options)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert f"\n✗ {claim}" in f"\n{ended.stdout}", ended.stdout
    assert f"\n✓ {claim}" not in f"\n{ended.stdout}"
    assert ended.stderr == ""


@pytest.mark.parametrize("name", BREAKS)
def test_a_claim_that_is_not_true_is_not_made(data: Path, demo: RunDemo, name: str) -> None:
    breaks, claim = BREAKS[name]
    check_broken(data, demo, breaks, claim)


def test_a_refusal_that_pays(data: Path, demo: RunDemo) -> None:
    check_broken(data, demo, meanwhile("/signal", pay_again), "No request, no refund", "--refuse")


def test_a_normal_order_that_parks(data: Path, demo: RunDemo) -> None:
    breaks = changing_status("completed", "parked")
    check_broken(data, demo, breaks, "Final job state: parked", "--order", "order-107")


def test_an_answer_that_lacks_what_the_story_needs(data: Path, demo: RunDemo) -> None:
    running = instance.read(data)
    with Proxy(running.url, changing("/agents", lambda answer: answer.pop("agents"))(running)) as proxy:
        ended = demo("--api", proxy.url)
    assert ended.returncode == 1
    assert "✗ The demo cannot go on: an answer lacks 'agents'" in ended.stdout
    assert ended.stderr == ""
