"""Messages to a job by REST: kept or taken, once for each message_id."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from aetheris.core.graph import TaskGraph
from tests.doors import DECIDER, REQUESTER, Answer, Door, door, parked, refused
from tests.world import Doorbells, Registered, World

pytestmark = pytest.mark.usefixtures("whole")


@pytest.fixture
def requester(doorbells: Doorbells) -> Door:
    return door("requester", *REQUESTER)


@pytest.fixture
def listening(requester: Door, registered: Registered, world: World, doorbells: Doorbells) -> str:
    """A job that waits for a word on the channel `orders`."""

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("word", kind="message", correlation_key="word", channel="orders")
        return graph

    registered.agent(plan)
    return parked(requester, doorbells)


def word(channel: str = "orders", message_id: str = "m1") -> dict[str, object]:
    return {"message_id": message_id, "channel": channel, "payload": {"text": "hello"}}


def test_a_message_wakes_the_job_that_waits_for_it(requester: Door, listening: str, doorbells: Doorbells) -> None:
    answer = requester.post(f"jobs/{listening}/message", word())
    assert (answer.status, answer.body["status"]) == (200, "pending")
    doorbells.drain()
    found = requester.get(f"jobs/{listening}").body
    assert (found["status"], found["result"]) == ("completed", {"text": "hello"})
    assert requester.post(f"jobs/{listening}/message", word()).body["status"] == "already"


def test_a_message_that_nobody_waits_for_is_kept(requester: Door, listening: str) -> None:
    answer = requester.post(f"jobs/{listening}/message", word(channel="elsewhere"))
    assert (answer.status, answer.body["status"]) == (202, "kept")
    assert requester.get(f"jobs/{listening}").body["status"] == "parked"


REFUSALS: dict[str, tuple[Callable[[Door, str], Answer], tuple[int, str]]] = {
    "another job": (lambda who, job: who.post(f"jobs/{uuid4()}/message", word()), (404, "JOB_NOT_FOUND")),
    "no id": (lambda who, job: who.post(f"jobs/{job}/message", {"payload": {}}), (400, "INVALID_REQUEST")),
    "no object": (
        lambda who, job: who.post(f"jobs/{job}/message", {"message_id": "m1", "payload": 7}),
        (400, "INVALID_REQUEST"),
    ),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_what_is_refused_changes_nothing(requester: Door, listening: str, why: str) -> None:
    send, expected = REFUSALS[why]
    assert refused(lambda: send(requester, listening)) == expected


def test_an_id_that_came_with_another_payload_is_refused(requester: Door, listening: str) -> None:
    requester.post(f"jobs/{listening}/message", word(channel="elsewhere"))
    other = {**word(channel="elsewhere"), "payload": {"text": "other"}}
    assert refused(lambda: requester.post(f"jobs/{listening}/message", other)) == (409, "MESSAGE_CONFLICT")


def test_a_message_needs_the_right_to_create(requester: Door, listening: str) -> None:
    decider = door("decider", *DECIDER)
    assert refused(lambda: decider.post(f"jobs/{listening}/message", word())) == (403, "FORBIDDEN")
