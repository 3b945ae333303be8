"""The trace: every step of a job with what it was given and came to, as its events tell it."""

from typing import Any

import pytest

from aetheris.core.errors import ToolError
from aetheris.core.handlers import Effect
from jobs.engine.cancel import cancel
from jobs.engine.requeue import requeue
from jobs.engine.resolve import resolve
from jobs.engine.sender import Sender
from jobs.models import Job
from tests.conftest import Clock
from tests.doors import DECIDER, REQUESTER, Door, asking, door, finishing, parked
from tests.jobs.engine.one_tool import lost, one_tool, question
from tests.world import APPROVER, Doorbells, Registered, World, in_turn, submitted

SETTLE = 60.0
SECOND = Sender("user:3/second", may_signal=True, may_decide=True)


@pytest.fixture
def requester(doorbells: Doorbells) -> Door:
    return door("requester", *REQUESTER)


@pytest.fixture
def unknown(registered: Registered, world: World, doorbells: Doorbells, clock: Clock) -> Job:
    """A job whose one effect, of class `once`, is UNKNOWN, for its worker was lost."""
    job = one_tool(registered, world, Effect.ONCE, settle=SETTLE)
    lost(job, clock)
    doorbells.drain()
    return job


def acts(requester: Door, job: Job) -> list[dict[str, Any]]:
    """The steps of `act`; each is told once, and has a span of its own."""
    trace = requester.get(f"jobs/{job.pk}/trace").body
    spans = [step["span_id"] for step in trace["steps"]]
    assert spans == [child["span_id"] for child in trace["execution_tree"]["children"]]
    assert len(set(spans)) == len(spans)
    return [step for step in trace["steps"] if step["node_id"] == "act"]


def named(steps: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {step["node_id"]: step for step in steps}


def test_a_finished_job_is_told_step_by_step(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    job_id = parked(requester, doorbells)
    door("approver", *DECIDER).signal(job_id, "ask-1", {"approved": True})
    doorbells.drain()
    trace = requester.get(f"jobs/{job_id}/trace").body
    events = requester.get(f"jobs/{job_id}/events").body["events"]
    assert [line["type"] for line in trace["timeline"]] == [event["type"] for event in events]
    steps = named(trace["steps"])
    assert list(steps) == ["plan", "look", "ask", "pay"]
    assert all(step["state"] == "ok" and step["duration_ms"] >= 0 for step in steps.values())
    look = steps["look"]
    assert look["tool_invocation"]["input"] == {"value": {"amount": "7.50"}}
    assert look["tool_invocation"]["output"] == look["reasoning_snapshot"]["output"] == {"amount": "7.50"}
    assert look["evidence"]["tool_invocation_ids"] == [look["tool_invocation"]["idempotency_key"]]
    assert (look["evidence"]["input_keys"], look["evidence"]["output_keys"]) == (["value"], ["amount"])
    assert (look["llm_invocation"], look["attempts"]) == (None, 1)
    assert steps["ask"]["type"] == "human"
    assert steps["ask"]["answer"] == {"approved": True}
    assert [by.rpartition("/")[2] for by in steps["ask"]["answered_by"]] == ["approver"]
    tree = trace["execution_tree"]
    assert (tree["type"], tree["state"], [child["node_id"] for child in tree["children"]]) == (
        "job",
        "completed",
        ["plan", "look", "ask", "pay"],
    )
    assert [child["type"] for child in tree["children"][3]["children"]] == ["tool"]
    kinds = [segment["type"] for segment in trace["timeline_segments"]]
    assert kinds == ["plan", "node", "tool", "node", "wait", "node", "tool"]
    assert trace["decision_snapshot"]["task_graph_summary"] == "look, ask, pay"


def test_a_job_under_way_is_told_as_far_as_it_is(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    trace = requester.get(f"jobs/{submitted().pk}/trace").body
    assert (trace["steps"], trace["decision_snapshot"]) == ([], None)
    job_id = parked(requester, doorbells)
    trace = requester.get(f"jobs/{job_id}/trace").body
    assert named(trace["steps"])["ask"]["state"] == "open"
    assert trace["execution_tree"]["state"] == "open"
    assert trace["timeline_segments"][-1] | {"started_at": None} == {
        "type": "wait",
        "span_id": "wait:ask-1",
        "node_id": "ask",
        "started_at": None,
        "finished_at": None,
        "duration_ms": None,
        "state": "open",
    }


def test_a_job_that_was_tried_again_shows_both_tries(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    world.answers["look-test-agent"] = in_turn(ToolError("no"), "there")
    job = submitted()
    doorbells.drain()
    assert requester.get(f"jobs/{job.pk}/trace").body["execution_tree"]["state"] == "failed"
    requeue(job.pk, actor="user:1/requester")
    doorbells.drain()
    trace = requester.get(f"jobs/{job.pk}/trace").body
    assert trace["execution_tree"]["state"] == "completed"
    tries = [step for step in trace["steps"] if step["node_id"] == "look"]
    assert [(step["state"], step["tool_invocation"]["outcome"]) for step in tries] == [
        ("failed", "failure"),
        ("ok", "success"),
    ]


def test_a_cancelled_job_says_so(requester: Door, registered: Registered, world: World, doorbells: Doorbells) -> None:
    finishing(registered, world)
    job = submitted()
    cancel(job.pk, actor="user:1/requester", reason="")
    assert requester.get(f"jobs/{job.pk}/trace").body["execution_tree"]["state"] == "cancelled"


def test_a_lost_worker_is_told_and_how_often_was_sent(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = one_tool(registered, world, Effect.IDEMPOTENT)
    lost(job, clock)
    doorbells.drain()
    first, second = acts(requester, job)
    assert (first["state"], first["worker_lost"], first["reason"]) == ("retryable", True, "lease expired")
    assert (second["state"], second["worker_lost"], second["attempts"]) == ("ok", False, 2)
    calls = [step["tool_invocation"] for step in (first, second)]
    assert [(call["sends"], call["outcome"]) for call in calls] == [(1, None), (2, "success")]
    assert first["evidence"]["tool_invocation_ids"] == second["evidence"]["tool_invocation_ids"]
    segments = requester.get(f"jobs/{job.pk}/trace").body["timeline_segments"]
    told = [(segment["type"], segment["state"]) for segment in segments]
    assert told[1:] == [("recovery", "retryable"), ("tool", "unanswered"), ("node", "ok"), ("tool", "success")]


def test_what_a_person_said_of_an_effect_stands_at_the_question_and_at_the_call(requester: Door, unknown: Job) -> None:
    call = acts(requester, unknown)[0]["tool_invocation"]
    assert (call["outcome"], call["error"]["code"]) == ("unknown", "LEASE_LOST")
    said = {"resolution": "happened", "result": {"id": 7}, "reason": "seen in the bank's list"}
    resolve(unknown.pk, question(unknown), said, APPROVER)
    sent, asked = acts(requester, unknown)
    assert (sent["worker_lost"], asked["worker_lost"], asked["state"]) == (True, False, "ok")
    assert asked["answer"] == {"resolution": "happened", "reason": "seen in the bank's list"}
    assert asked["answered_by"] == ["user:2/approver"]
    call = sent["tool_invocation"]
    assert (call["outcome"], call["output"], call["error"]) == ("success", {"id": 7}, None)


def test_an_answer_of_two_persons_names_both_and_the_node_goes_on(
    requester: Door, unknown: Job, doorbells: Doorbells, clock: Clock
) -> None:
    clock.advance(SETTLE)
    for person in (APPROVER, SECOND):
        resolve(unknown.pk, question(unknown), {"resolution": "send_again"}, person)
    doorbells.drain()
    sent, asked, again = acts(requester, unknown)
    assert asked["answered_by"] == ["user:2/approver", "user:3/second"]
    assert [sent["state"], asked["state"], again["state"]] == ["retryable", "retryable", "ok"]
    assert sent["tool_invocation"]["outcome"] == "failure"
