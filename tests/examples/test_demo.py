"""The demo on a running instance: what it says about each order, and how it ends."""

import re
from pathlib import Path

import pytest

from examples.refund.demo import instance
from examples.refund.demo.__main__ import parse
from examples.refund.demo.client import Api, ApiError, at_rest
from tests.examples.conftest import RunDemo

JOB = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
REPLAY = [
    "✓ Replay deterministic",
    "✓ Tool NOT re-executed (injected from the ledger)",
    "✓ LLM NOT re-called (injected from the ledger)",
    "✓ State consistent",
]


def timeline(output: str) -> list[str]:
    """The lines of the execution trace, without their times."""
    trace = output.partition("=== Execution Trace ===")[2].partition("===")[0]
    return re.findall(r"^  \[\d\d:\d\d:\d\d\] (.*)$", trace, re.MULTILINE)


def test_an_abnormal_order_parks_is_approved_and_refunded_once(demo: RunDemo) -> None:
    ended = demo()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    job = re.search(rf"^✓ Job created: ({JOB})$", ended.stdout, re.MULTILINE)
    assert job is not None
    key = f"aetheris:{job[1]}:send_refund:1"
    said = [line for line in lines if line.startswith("✓")]
    assert said[:2] == ["✓ Agent created", "✓ Tools registered: query_order, send_refund"]
    assert said[3] == "✓ Job state: parked"
    assert re.fullmatch(r"✓ Signal sent: correlation_key=approval-\S+, approved=true", said[4])
    assert said[5:] == ["✓ Final job state: completed", *REPLAY, "✓ One request, one key, one refund"]
    assert timeline(ended.stdout) == [
        "Plan Generated",
        "query_order → success",
        'llm_decide → "approval required" (rules-not-an-llm: rules, not an LLM)',
        "wait_approval → StatusParked",
        "Signal received (approved=true)",
        f"send_refund → success (idempotency_key: {key})",
        "report → success",
    ]
    assert lines[-5:-2] == ["Requests: 1", f"Idempotency keys: {key}", "Questions about a key: 0"]
    assert "✗" not in ended.stdout
    assert ended.stderr == ""


def test_a_person_may_refuse_and_nothing_is_paid(demo: RunDemo) -> None:
    ended = demo("--refuse")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "approved=false" in ended.stdout
    assert "  refunded: false" in ended.stdout
    assert ended.stdout.splitlines()[-5:] == [
        "Requests: 0",
        "Idempotency keys: none",
        "Questions about a key: 0",
        "Applied refunds: none",
        "✓ No request, no refund",
    ]


def test_nobody_is_killed_when_nothing_is_refunded(demo: RunDemo) -> None:
    ended = demo("--kill", "--refuse")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "kill -9" not in ended.stdout
    assert ended.stdout.endswith("✓ No request, no refund\n")


def test_a_normal_order_goes_straight_on(demo: RunDemo) -> None:
    ended = demo("--order", "order-150")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "StatusParked" not in "".join(timeline(ended.stdout))
    assert "Approving" not in ended.stdout
    assert ended.stdout.endswith("✓ One request, one key, one refund\n")


def test_an_amount_over_500_parks(demo: RunDemo) -> None:
    ended = demo("--order", "order-151")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "✓ Job state: parked" in ended.stdout


@pytest.mark.parametrize("order", ["order-99999", "order-1o1", "book"])
def test_an_unknown_order_ends_with_2_and_says_so(demo: RunDemo, order: str) -> None:
    ended = demo("--order", order)
    assert ended.returncode == 2
    assert f"✗ There is no order {order}." in ended.stdout
    assert "ORDER=order-123" in ended.stdout


def test_the_requester_may_not_decide(data: Path) -> None:
    described = instance.read(data)
    requester = Api(described.url, described.requester)
    job_id = requester.submit("refund-agent", "Refund order-123", key="four-eyes")["job_id"]
    events = list(requester.follow(job_id, until=at_rest, after=0, seconds=30))
    key = next(event["payload"]["correlation_key"] for event in events if event["type"] == "job_waiting")
    with pytest.raises(ApiError, match="MAY_NOT_DECIDE"):
        requester.signal(job_id, key, {"approved": True})
    assert requester.job(job_id)["status"] == "parked"


def test_a_goal_without_an_order_says_what_is_missing(data: Path) -> None:
    described = instance.read(data)
    requester = Api(described.url, described.requester)
    for key, goal in (("none", "Give me my money"), ("two", "Refund order-123 and order-124")):
        job_id = requester.submit("refund-agent", goal, key=key)["job_id"]
        for _ in requester.follow(job_id, until=at_rest, after=0, seconds=30):
            pass
        assert requester.job(job_id)["error"]["code"] == "GOAL_WITHOUT_ORDER"


@pytest.mark.parametrize(
    "options", [("--kill",), ("--data", ".", "--effect", "once"), ("--effect", "transactional"), ("--api", "http://x")]
)
def test_options_that_make_no_sense_are_refused(options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        parse(list(options))
    assert refused.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_where_nothing_runs_it_says_so(demo: RunDemo, tmp_path: Path) -> None:
    ended = demo("--data", str(tmp_path))
    assert ended.returncode == 1
    assert "✗ The demo cannot go on: No instance runs in" in ended.stdout


def test_an_address_where_nobody_answers_is_an_error(demo: RunDemo) -> None:
    ended = demo("--api", "http://127.0.0.1:9")
    assert ended.returncode == 1
    assert "UNREACHABLE" in ended.stdout
