"""The replay answer: rebuilt from events alone, compared with the rows, and nothing is called for it."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection

from aetheris.core import registry
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.references import ref
from jobs.models import Body, Job, Node
from ledger.models import Entry, Event
from tests.doors import DECIDER, REQUESTER, Door, asking, door, every_record, finishing, parked, refused
from tests.world import Doorbells, Registered, Scripted, World

NO_DIFFERENCE: dict[str, object] = {"chain_valid": True, "broken_at": None, "consistent": True, "differences": []}


@pytest.fixture
def requester(doorbells: Doorbells) -> Door:
    return door("requester", *REQUESTER)


@pytest.fixture
def finished(requester: Door, registered: Registered, world: World, doorbells: Doorbells) -> str:
    """A job that looked, was told yes, and paid."""
    asking(registered, world)
    job_id = parked(requester, doorbells)
    door("approver", *DECIDER).signal(job_id, "ask-1", {"approved": True})
    doorbells.drain()
    return job_id


def meddle(change: Callable[[], object]) -> None:
    """Change rows behind the triggers' back, as somebody with the database's password could."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            change()
        finally:
            cursor.execute("RESET session_replication_role")


def test_a_finished_job_is_told_from_its_events(requester: Door, finished: str) -> None:
    replayed = requester.get(f"jobs/{finished}/replay").body
    assert (replayed["job_id"], replayed["goal"], replayed["read_only"]) == (finished, "do it", True)
    assert replayed["current_state"] == {
        "completed_node_ids": ["look", "ask", "pay"],
        "cursor_node": "pay",
        "phase": "completed",
        "status": "completed",
        "outcome": "completed",
    }
    assert replayed["payload_results"] == {"look": {"amount": "7.50"}, "ask": {"approved": True}, "pay": "7.50"}
    assert replayed["result"] == "7.50"
    assert replayed["completed_command_ids"] == [f"aetheris:{finished}:look:1", f"aetheris:{finished}:pay:1"]
    assert [event["payload"]["correlation_key"] for event in replayed["events"] if "wait" in event["type"]] == [
        "ask-1",
        "ask-1",
    ]
    assert [line["seq"] for line in replayed["timeline"]] == list(range(1, len(replayed["events"]) + 1))
    assert replayed["verification"] == NO_DIFFERENCE
    assert "step_replay" not in replayed


def test_a_parked_job_stands_at_its_wait(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    replayed = requester.get(f"jobs/{parked(requester, doorbells)}/replay").body
    assert (replayed["current_state"]["cursor_node"], replayed["current_state"]["phase"]) == ("ask", "executing")
    assert replayed["current_state"]["status"] == "parked"
    assert replayed["verification"] == NO_DIFFERENCE


def test_a_job_that_was_not_begun_is_planning(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    job_id = requester.message().body["job_id"]
    replayed = requester.get(f"jobs/{job_id}/replay").body
    assert replayed["current_state"]["phase"] == "planning"
    assert replayed["current_state"]["completed_node_ids"] == []
    assert replayed["verification"] == NO_DIFFERENCE


def test_a_step_is_shown_with_the_state_that_it_found(requester: Door, finished: str) -> None:
    replayed = requester.get(f"jobs/{finished}/replay", step_node_id="pay").body
    assert replayed["step_replay"] == {
        "step_node_id": "pay",
        "state_at_step": {"look": {"amount": "7.50"}, "ask": {"approved": True}},
        "step_result": "7.50",
    }
    first = requester.get(f"jobs/{finished}/replay", step_node_id="look").body
    assert first["step_replay"]["state_at_step"] == {}
    waited = requester.get(f"jobs/{finished}/replay", step_node_id="ask").body
    assert waited["step_replay"]["state_at_step"] == {"look": {"amount": "7.50"}}


def test_a_step_that_the_job_does_not_have_is_not_found(requester: Door, finished: str) -> None:
    call = partial(requester.get, f"jobs/{finished}/replay", step_node_id="nothing")
    assert refused(call) == (404, "NODE_NOT_FOUND")
    call = partial(requester.get, f"jobs/{finished}/replay", step_node_id="a\x00b")
    assert refused(call) == (400, "INVALID_REQUEST")


def test_replay_calls_nothing_and_changes_nothing(
    requester: Door, finished: str, world: World, registered: Registered, doorbells: Doorbells
) -> None:
    calls, before = list(world.calls), every_record()
    registered.forget()  # not even the code has to be there
    assert requester.get(f"jobs/{finished}/replay").status == 200
    assert (world.calls, doorbells.rung) == (calls, [])
    assert every_record() == before


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda: Node.objects.filter(path="pay").update(output='"750.00"'), "pay.output"),
        (lambda: Node.objects.filter(path="look").update(state="skipped", ending=""), "look.state"),
        (lambda: Node.objects.filter(path="ask").update(ending="refused"), "ask.ending"),
        (lambda: Job.objects.update(result='"750.00"'), "job.result"),
        (lambda: Job.objects.update(goal="something else"), "job.goal"),
        (lambda: Job.objects.update(outcome="refused"), "job.outcome"),
        (lambda: Entry.objects.filter(step_id="pay").update(state="failed", result=None), "effects"),
        (lambda: Entry.objects.filter(step_id="pay").update(result='"750.00"'), ".result"),
        (lambda: Node.objects.filter(path="pay").delete(), "nodes"),
    ],
)
def test_a_row_that_was_tampered_with_is_named(
    requester: Door, finished: str, change: Callable[[], object], where: str
) -> None:
    meddle(change)
    found = requester.get(f"jobs/{finished}/replay").body["verification"]
    assert (found["chain_valid"], found["consistent"]) == (True, False)
    fields = [str(difference["field"]) for difference in found["differences"]]
    assert any(each.endswith(where) for each in fields), fields


@pytest.mark.parametrize(
    "column",
    [
        {"payload": '{"node_id":"plan","forged":true}'},
        {"actor": "user:1/forged"},
        {"type": "node_finished"},
        {"hash": b"x" * 32},
        {"node": "pay"},
    ],
    ids=lambda column: next(iter(column)),
)
def test_an_event_that_was_tampered_with_is_named_by_its_seq(
    requester: Door, finished: str, column: dict[str, object]
) -> None:
    meddle(lambda: Event.objects.filter(seq=2).update(**column))
    found = requester.get(f"jobs/{finished}/replay").body["verification"]
    assert (found["chain_valid"], found["broken_at"]) == (False, 2)


def test_an_event_that_was_taken_out_is_named_by_its_seq(requester: Door, finished: str) -> None:
    meddle(lambda: Event.objects.filter(seq=5).delete())
    found = requester.get(f"jobs/{finished}/replay").body["verification"]
    assert (found["chain_valid"], found["broken_at"]) == (False, 5)


def test_a_stream_that_was_cut_off_at_its_end_is_named_by_the_seq_that_should_follow(
    requester: Door, finished: str
) -> None:
    last = Job.objects.get().seq
    meddle(lambda: Event.objects.filter(seq=last).delete())
    found = requester.get(f"jobs/{finished}/replay").body["verification"]
    assert (found["chain_valid"], found["broken_at"], found["consistent"]) == (False, last, False)


@pytest.mark.parametrize(
    "column",
    [
        {"payload": "no json"},
        {"payload": "[]"},
        {"payload": "{}"},
        {"type": "nonsense"},
        {"payload": '{"node_id":"nobody"}'},
        {"category": "nonsense"},
    ],
)
@pytest.mark.parametrize("seq", [1, 2, 3, 7])
def test_events_that_cannot_be_read_any_more_are_told_and_never_an_error(
    requester: Door, finished: str, seq: int, column: dict[str, object]
) -> None:
    meddle(lambda: Event.objects.filter(seq=seq).update(**column))
    found = requester.get(f"jobs/{finished}/replay").body["verification"]
    assert (found["chain_valid"], found["broken_at"]) == (False, seq)
    if "category" not in column:
        assert f"event.{seq}" in [difference["field"] for difference in found["differences"]]
    assert requester.get(f"jobs/{finished}/events").status == 200


def test_a_row_with_a_tampered_text_that_is_no_json_is_named(requester: Door, finished: str) -> None:
    meddle(lambda: Node.objects.filter(path="pay").update(output="no json"))
    found = requester.get(f"jobs/{finished}/replay").body["verification"]
    assert "pay.output" in [difference["field"] for difference in found["differences"]]


def test_a_long_value_that_was_tampered_with_is_named(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    """Values over 1 KiB stand in a table of their own; the chain covers them by their digest."""
    finishing(registered, world)
    world.answers["look-test-agent"] = {"text": "x" * 5000}
    job_id = parked(requester, doorbells)
    assert requester.get(f"jobs/{job_id}/replay").body["verification"] == NO_DIFFERENCE
    meddle(lambda: Body.objects.update(text='{"text":"forged"}'))
    found = requester.get(f"jobs/{job_id}/replay").body
    fields = [difference["field"] for difference in found["verification"]["differences"]]
    assert found["verification"]["consistent"] is False
    assert any(each.startswith("event.") for each in fields)
    assert "look.output" in fields
    assert "forged" not in str(found)
    for path in ("", "/events"):
        answer = requester.get(f"jobs/{job_id}{path}")
        assert answer.status == 200
        assert "forged" not in str(answer.body)


def test_a_model_s_answer_and_a_refusal_are_replayed(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    script = Scripted('{"ok": true}')
    registered.put(registry.models, "script", script)
    pay = world.tool("pay", Effect.IDEMPOTENT)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.llm("think", "what now?", answer={"type": "object"}, model="script:one")
        graph.wait("ask", kind="human", correlation_key="ask-1", approves="pay")
        graph.tool("pay", pay, value=ref("think.ok"))
        graph.edge("think", "ask")
        graph.edge("ask", "pay")
        return graph

    registered.agent(plan, pay)
    job_id = parked(requester, doorbells)
    door("approver", *DECIDER).signal(job_id, "ask-1", {"approved": False})
    doorbells.drain()
    replayed = requester.get(f"jobs/{job_id}/replay").body
    assert replayed["payload_results"] == {"think": {"ok": True}, "ask": {"approved": False}}
    assert (replayed["current_state"]["status"], replayed["current_state"]["outcome"]) == ("completed", "refused")
    assert replayed["verification"] == NO_DIFFERENCE
    assert len(script.asked) == 1
