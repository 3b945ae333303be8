"""A message to an agent becomes a job, once for each idempotency key; what is no message changes nothing."""

import json
from collections import Counter
from functools import partial

import pytest

from aetheris.core.errors import GraphError
from aetheris.core.graph import TaskGraph
from aetheris.core.references import ref
from jobs.models import Job, Node, Submission
from tests.doors import REQUESTER, Door, at_once, door, finishing, parked, refused
from tests.world import Doorbells, Registered, World


@pytest.fixture
def requester(doorbells: Doorbells) -> Door:
    return door("requester", *REQUESTER)


@pytest.fixture(autouse=True)
def agent(registered: Registered, world: World) -> None:
    finishing(registered, world)


def test_a_message_is_accepted_and_becomes_a_job(requester: Door, doorbells: Doorbells) -> None:
    answer = requester.message("please look")
    assert answer.status == 202
    assert set(answer.body) == {"job_id", "agent_id", "status"}
    assert (answer.body["agent_id"], answer.body["status"]) == ("test-agent", "accepted")
    doorbells.drain()
    found = requester.get(f"jobs/{answer.body['job_id']}").body
    assert (found["goal"], found["status"], found["result"]) == ("please look", "completed", {"amount": "7.50"})


def test_a_message_is_kept_letter_by_letter(requester: Door) -> None:
    goal = "Grüße 🎉 <script>alert(1)</script> '; DROP TABLE jobs_job; --\nend"
    answer = requester.message(goal)
    assert requester.get(f"jobs/{answer.body['job_id']}").body["goal"] == goal


def test_the_same_key_and_message_give_the_same_job(requester: Door) -> None:
    first = requester.message(key="k-1")
    again = requester.message(key="k-1")
    assert (again.status, again.body) == (202, first.body)
    assert Job.objects.count() == 1


def test_without_a_key_each_message_is_a_job(requester: Door) -> None:
    assert requester.message().body["job_id"] != requester.message().body["job_id"]


def test_a_message_may_bring_a_priority(requester: Door) -> None:
    usual = requester.message()
    urgent = requester.post("agents/test-agent/message", {"message": "do it", "priority": 1})
    listed = {job["id"]: job["priority"] for job in requester.get("jobs").body["jobs"]}
    assert listed == {usual.body["job_id"]: 3, urgent.body["job_id"]: 1}
    found = requester.get(f"jobs/{urgent.body['job_id']}").body
    assert (found["priority"], found["nodes"][0]["queue"]) == (1, "default")


def test_a_used_key_with_another_priority_is_a_conflict(requester: Door) -> None:
    requester.message(key="k-1")
    body = {"message": "do it", "priority": 2}
    call = partial(requester.post, "agents/test-agent/message", body, **{"Idempotency-Key": "k-1"})
    assert refused(call) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_a_key_belongs_to_one_agent(requester: Door, registered: Registered, world: World) -> None:
    finishing(registered, world, "other-agent")
    one, other = requester.message(key="k-1"), requester.message(agent="other-agent", key="k-1")
    assert one.body["job_id"] != other.body["job_id"]


def test_a_used_key_with_another_message_is_a_conflict_that_names_the_job(requester: Door) -> None:
    first = requester.message("one", key="k-1")
    assert refused(lambda: requester.message("two", key="k-1")) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert requester.message("two", key="k-1").body["error"]["details"] == {"job_id": first.body["job_id"]}


def test_duplicates_at_once_make_one_job(requester: Door) -> None:
    callers = [Door(requester.token) for _ in range(8)]
    answers = at_once(*[partial(caller.message, key="k-1") for caller in callers])
    assert [answer.status for answer in answers] == [202] * 8
    assert len({answer.body["job_id"] for answer in answers}) == 1
    assert (Job.objects.count(), Submission.objects.count(), Node.objects.count()) == (1, 1, 1)


def test_different_messages_at_once_under_one_key_leave_one_that_stands(requester: Door) -> None:
    answers = at_once(*[partial(Door(requester.token).message, f"message {number}", key="k-1") for number in range(6)])
    assert Counter(answer.status for answer in answers) == {202: 1, 409: 5}
    assert Job.objects.count() == 1


def test_an_unknown_agent_leaves_not_a_single_row(requester: Door) -> None:
    assert refused(lambda: requester.message(agent="nobody", key="k-1")) == (404, "AGENT_NOT_FOUND")
    assert refused(lambda: requester.message(agent="a%00b")) == (404, "AGENT_NOT_FOUND")
    assert refused(lambda: requester.message(agent="x" * 5000)) == (404, "AGENT_NOT_FOUND")


MALFORMED = {
    "cut short": b'{"message": "hi"',
    "two values": b"{} {}",
    "NaN": b'{"message": NaN}',
    "an infinity": b'{"message": "x", "n": -Infinity}',
    "no UTF-8": b'{"message": "\xff"}',
    "a depth of 100,000": b"[" * 100_000,
    "a depth of 100,000, closed": b'{"message":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number of 100,000 digits": b'{"message": ' + b"9" * 100_000 + b"}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_json_is_told_so(requester: Door, body: bytes) -> None:
    assert refused(lambda: requester.raw("agents/test-agent/message", body)) == (400, "MALFORMED_JSON")


INVALID = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"message"',
    "no message": b"{}",
    "an empty message": b'{"message": ""}',
    "only spaces": b'{"message": "  \\n "}',
    "null as message": b'{"message": null}',
    "an object as message": b'{"message": {"a": 1}}',
    "a message that nests": b'{"message":' + b"[" * 500 + b"]" * 500 + b"}",
    "a NUL": b'{"message": "a\\u0000b"}',
    "a lone surrogate": b'{"message": "\\ud800"}',
    "a priority of 0": b'{"message": "a", "priority": 0}',
    "a priority of 6": b'{"message": "a", "priority": 6}',
    "a priority in words": b'{"message": "a", "priority": "high"}',
    "half a priority": b'{"message": "a", "priority": 1.5}',
    "null as priority": b'{"message": "a", "priority": null}',
    "a message that is too long": json.dumps({"message": "x" * 100_001}).encode(),
}


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID.keys())
def test_what_is_no_message_is_told_so(requester: Door, body: bytes) -> None:
    assert refused(lambda: requester.raw("agents/test-agent/message", body)) == (400, "INVALID_REQUEST")


def test_a_body_of_ten_megabytes_is_refused_unread(requester: Door) -> None:
    body = json.dumps({"message": "x" * 10_000_000})
    assert refused(lambda: requester.raw("agents/test-agent/message", body)) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"]
)
def test_another_content_type_is_refused(requester: Door, content_type: str) -> None:
    body = '{"message": "hi"}'
    assert refused(lambda: requester.raw("agents/test-agent/message", body, content_type)) == (
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    )


def test_a_charset_that_is_no_text_is_refused(requester: Door) -> None:
    content_type = "application/json; charset=bz2_codec"
    assert refused(lambda: requester.raw("agents/test-agent/message", "{}", content_type)) == (400, "MALFORMED_JSON")


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "a\tb", "a\x07b", "a\x00b", "schlüssel", "\x7f"])
def test_a_key_that_is_none_is_refused(requester: Door, key: str) -> None:
    body = {"message": "hi"}
    call = partial(requester.post, "agents/test-agent/message", body, **{"Idempotency-Key": key})
    assert refused(call) == (400, "INVALID_IDEMPOTENCY_KEY")


def test_a_key_of_255_characters_is_one(requester: Door) -> None:
    assert requester.message(key="~" * 255).status == 202


def test_the_agents_are_those_that_the_code_defines(requester: Door) -> None:
    answer = requester.get("agents").body
    listed = {agent["name"]: agent for agent in answer["agents"]}
    assert answer["total"] == len(answer["agents"])
    assert listed["test-agent"] == {
        "id": "test-agent",
        "name": "test-agent",
        "version": "1",
        "tools": ["look-test-agent"],
    }


def cyclic(world: World) -> TaskGraph:
    graph = TaskGraph()
    graph.tool("a", "look-test-agent", value=1)
    graph.tool("b", "look-test-agent", value=2)
    graph.edge("a", "b")
    graph.edge("b", "a")
    return graph


def unknown_tool(world: World) -> TaskGraph:
    graph = TaskGraph()
    graph.tool("a", "launch_missiles", value=1)
    return graph


def not_json(world: World) -> TaskGraph:
    graph = TaskGraph()
    graph.tool("a", "look-test-agent", value=object())
    return graph


def endless(world: World) -> TaskGraph:
    graph = TaskGraph()
    graph.wait("a", correlation_key="k", timeout=float("inf"))
    return graph


def bad_reference(world: World) -> TaskGraph:
    graph = TaskGraph()
    graph.tool("a", "look-test-agent", value=ref("b.x"))
    graph.tool("b", "look-test-agent", value=1)
    return graph


def no_graph(world: World) -> TaskGraph:
    return "a plan in words"  # type: ignore[return-value]


def raising(world: World) -> TaskGraph:
    raise RuntimeError("no plan today\x00\ud800")


def own_code(world: World) -> TaskGraph:
    raise GraphError("this shop is closed", code="SHOP_CLOSED")


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (cyclic, "GRAPH_CYCLIC"),
        (unknown_tool, "TOOL_NOT_FOUND"),
        (not_json, "GRAPH_VALUE_INVALID"),
        (endless, "DURATION_INVALID"),
        (bad_reference, "GRAPH_REFERENCE_INVALID"),
        (no_graph, "GRAPH_INVALID"),
        (raising, "PLAN_FAILED"),
        (own_code, "SHOP_CLOSED"),
    ],
)
def test_a_plan_that_cannot_run_fails_its_job_and_leaves_only_node_zero(
    requester: Door, registered: Registered, world: World, doorbells: Doorbells, plan: object, code: str
) -> None:
    registered.forget()
    registered.agent(lambda: plan(world), world.tool("look-test-agent"))  # type: ignore[operator]
    job_id = parked(requester, doorbells)
    found = requester.get(f"jobs/{job_id}").body
    assert (found["status"], found["outcome"], found["error"]["code"]) == ("failed", "failed", code)
    assert [node["id"] for node in found["nodes"]] == ["plan"]
    assert world.calls == []
    replayed = requester.get(f"jobs/{job_id}/replay").body
    assert replayed["verification"] == {
        "chain_valid": True,
        "broken_at": None,
        "consistent": True,
        "differences": [],
    }


def test_many_messages_become_as_many_jobs_in_their_order(requester: Door, doorbells: Doorbells) -> None:
    wanted = [{"message": "one"}, {"message": "two", "priority": 1}, {"message": "three", "idempotency_key": "k-3"}]
    answer = requester.post("agents/test-agent/messages", {"messages": wanted})
    assert (answer.status, answer.body["total"]) == (202, 3)
    assert [set(job) for job in answer.body["jobs"]] == [{"job_id", "agent_id", "status"}] * 3
    doorbells.drain()
    found = [requester.get(f"jobs/{job['job_id']}").body for job in answer.body["jobs"]]
    assert [(job["goal"], job["priority"], job["status"]) for job in found] == [
        ("one", 3, "completed"),
        ("two", 1, "completed"),
        ("three", 3, "completed"),
    ]
    assert requester.message("three", key="k-3").body == answer.body["jobs"][2], "the key is the same by either door"


def test_many_messages_sent_again_are_the_same_jobs(requester: Door) -> None:
    wanted = [{"message": f"refund {key}", "idempotency_key": key} for key in ("b", "a", "c")]
    first, second = (requester.post("agents/test-agent/messages", {"messages": wanted}) for _ in range(2))
    assert first.body == second.body
    assert Job.objects.count() == 3


def test_of_many_messages_one_that_meets_a_used_key_leaves_none(requester: Door) -> None:
    requester.message("one", key="k-1")
    wanted = [{"message": "before"}, {"message": "two", "idempotency_key": "k-1"}]
    answer = requester.post("agents/test-agent/messages", {"messages": wanted})
    assert (answer.status, answer.code) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert "k-1" in answer.body["error"]["message"]
    assert Job.objects.count() == 1


def test_many_messages_have_no_key_in_common(requester: Door) -> None:
    body = {"messages": [{"message": "one"}, {"message": "two"}]}
    call = partial(requester.post, "agents/test-agent/messages", body, **{"Idempotency-Key": "k-1"})
    assert refused(call) == (400, "INVALID_IDEMPOTENCY_KEY")


NOT_MANY: dict[str, object] = {
    "none": [],
    "no list": {"message": "do it"},
    "a text": ["do it"],
    "a blank message": [{"message": "do it"}, {"message": " "}],
    "an unknown field": [{"message": "do it", "queue": "fast"}],
    "a key with a space": [{"message": "do it", "idempotency_key": "a b"}],
    "a key with an end of line": [{"message": "do it", "idempotency_key": "a\n"}],
    "a number for a key": [{"message": "do it", "idempotency_key": 7}],
    "a priority of nine": [{"message": "do it", "priority": 9}],
    "more than a thousand": [{"message": "do it"}] * 1001,
}


@pytest.mark.parametrize("wanted", NOT_MANY.values(), ids=NOT_MANY.keys())
def test_what_are_no_messages_change_nothing(requester: Door, wanted: object) -> None:
    assert refused(lambda: requester.post("agents/test-agent/messages", {"messages": wanted})) == (
        400,
        "INVALID_REQUEST",
    )


def test_many_messages_to_an_agent_that_there_is_not(requester: Door) -> None:
    call = partial(requester.post, "agents/nobody/messages", {"messages": [{"message": "do it"}]})
    assert refused(call) == (404, "AGENT_NOT_FOUND")


def test_a_thousand_messages_are_taken(requester: Door) -> None:
    answer = requester.post("agents/test-agent/messages", {"messages": [{"message": "do it"}] * 1000})
    assert (answer.status, answer.body["total"], Job.objects.count()) == (202, 1000, 1000)
