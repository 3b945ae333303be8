"""The demo that kills a worker in the middle of a refund: what it says for each effect class, and that each ✓ of it
can fail."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.refund.demo.instance import Instance
from examples.refund.tools import REFUNDS
from tests.examples.conftest import RunDemo, runtime_of
from tests.examples.proxy import Call, Tamper
from tests.examples.test_broken import Break, changing, check_broken, meanwhile, pay_again
from tests.examples.test_demo import REPLAY, timeline

STRUCK = [
    "✓ In the middle of send_refund: the provider has applied it, the ledger does not know yet",
    r"✓ The worker that sent it was killed with kill -9: process \d+",
]
REFUND_ID = r"refund-\w{12}"


@pytest.fixture(scope="module", params=list(REFUNDS))
def effect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def data(effect: str) -> Iterator[Path]:
    with runtime_of(effect) as folder:
        yield folder


FOLLOWS = {
    "idempotent": ["✓ Another worker went on"],
    "verifiable": ["✓ Another worker went on"],
    "once": [
        "✓ Job state: parked, the refund is UNKNOWN",
        r'✓ "It did not happen" is refused \(409 EFFECT_NOT_SETTLED\)',
        f"✓ Resolved: happened, {REFUND_ID}",
        "✓ Another worker went on",
    ],
}
LOST = "send_refund → its worker was lost, another one takes it"
SENT = r"send_refund → success \(idempotency_key: aetheris:[^:]+:send_refund:1\)"
STEPS = {
    "idempotent": [LOST, SENT],
    "verifiable": [LOST, SENT, "send_refund: the provider was asked → happened"],
    "once": [
        LOST,
        "send_refund → unknown",
        "send_refund → StatusParked",
        "send_refund: approver says → happened",
        SENT,
    ],
}
PROVIDER = {"idempotent": (2, 0), "verifiable": (1, 1), "once": (1, 0)}
CLAIM = {
    "idempotent": "Two requests, one key, one refund",
    "verifiable": "One request, one key, one refund: the provider was asked, and it was not sent again",
    "once": "One request, one key, one refund: a person looked it up, and it was not sent again",
}


def test_the_three_answers_to_the_same_crash(demo: RunDemo, effect: str) -> None:
    ended = demo("--kill")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = [line for line in ended.stdout.splitlines() if line.startswith("✓")]
    expected = [*STRUCK, *FOLLOWS[effect], "✓ Final job state: completed", *map(re.escape, REPLAY)]
    assert_like(said[5:-1], expected)
    assert_like(timeline(ended.stdout)[5:], [*STEPS[effect], "report → success"])
    requests, asked = PROVIDER[effect]
    provider = [f"Requests: {requests}", "Idempotency keys: aetheris:[^:]+:send_refund:1"]
    provider += [f"Questions about a key: {asked}", f"Applied refunds: {REFUND_ID}", f"✓ {CLAIM[effect]}"]
    assert_like(ended.stdout.splitlines()[-5:], provider)
    assert "✗" not in ended.stdout
    assert ended.stderr == ""


def assert_like(lines: list[str], patterns: list[str]) -> None:
    assert len(lines) == len(patterns), lines
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line), f"{line!r} is not {pattern!r}"


def known_already(answer: Any) -> None:
    """The ledger tells of the refund's end as soon as it tells of its beginning."""
    for event in list(answer["events"]):
        if event["type"] == "tool_invocation_started" and event["node_id"] == "send_refund":
            payload = {**event["payload"], "outcome": "success", "result": {}}
            answer["events"].append({**event, "type": "tool_invocation_finished", "payload": payload})


def claimed_by_nobody(answer: Any) -> None:
    for event in answer["events"]:
        if event["type"] == "node_started" and event["node_id"] == "send_refund":
            event["actor"] = "engine:nowhere:1/engine"


def ended_by_the_first(running: Instance) -> Tamper:
    """The events say that the node was ended by the process that was killed."""
    actors: list[str] = []

    def change(answer: Any) -> None:
        for event in answer["events"]:
            if (event["type"], event["node_id"]) == ("node_started", "send_refund"):
                actors.append(event["actor"])
            if (event["type"], event["node_id"]) == ("node_finished", "send_refund"):
                event["actor"] = actors[0]

    return changing("/events", change)(running)


def resolved_by_the_requester(answer: Any) -> None:
    for event in answer["events"]:
        if event["type"] == "effect_resolved":
            event["payload"]["decided_by"] = answer["events"][0]["actor"]


def hiding_doubt(_: Instance) -> Tamper:
    """Nobody is told that the job waits for more than its approval."""

    def tamper(call: Call) -> Any:
        answer = call.forward()
        for wait in answer.get("waits", []):
            wait["wait_kind"] = "human"
        return answer

    return tamper


def swallowing_resolution(number: int) -> Break:
    """Answer the resolution of this number as if it were applied, and apply it not."""

    def broken(_: Instance) -> Tamper:
        seen = 0

        def tamper(call: Call) -> Any:
            nonlocal seen
            seen += call.path.endswith("/resolve")
            swallowed = call.path.endswith("/resolve") and seen == number
            return {"status": "applied"} if swallowed else call.forward()

        return tamper

    return broken


BREAKS: dict[str, list[tuple[Break, str]]] = {
    "idempotent": [
        (changing("/events", known_already), "In the middle of send_refund"),
        (changing("/events", claimed_by_nobody), "The worker that sent it was killed"),
        (ended_by_the_first, "Another worker went on"),
        (meanwhile("/replay", pay_again), CLAIM["idempotent"]),
    ],
    "verifiable": [(meanwhile("/replay", pay_again), CLAIM["verifiable"])],
    "once": [
        (hiding_doubt, "Job state: parked, the refund"),
        (swallowing_resolution(1), '"It did not happen" is refused'),
        (swallowing_resolution(2), "Resolved: happened"),
        (changing("/events", resolved_by_the_requester), "Resolved: happened"),
        (meanwhile("/replay", pay_again), CLAIM["once"]),
    ],
}


def test_a_claim_about_the_crash_that_is_not_true_is_not_made(data: Path, demo: RunDemo, effect: str) -> None:
    for breaks, claim in BREAKS[effect]:
        check_broken(data, demo, breaks, claim, "--kill")
