"""The mailbox: kept without a wait, once for each message_id, taken by one wait at most, in order."""

import pytest

from aetheris.core.errors import Refused
from aetheris.core.graph import TaskGraph
from aetheris.core.references import ref
from jobs.engine.cancel import cancel
from jobs.engine.message import Letter, message
from jobs.engine.sender import Sender
from jobs.engine.signal import signal
from signals_app.models import Message
from tests.world import (
    APPROVER,
    REQUESTER,
    Doorbells,
    Registered,
    World,
    again,
    assert_whole,
    function,
    result_of,
    submitted,
)


def listener(registered: Registered, world: World, *, sleeps_first: bool = False) -> None:
    """Two waits on one channel, one after the other; the result is what they took."""

    @function
    def both(first: object, second: object) -> list[object]:
        return [first, second]

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.wait("gate", correlation_key="gate")
        graph.wait("first", kind="message", correlation_key="first", channel="orders")
        graph.wait("second", kind="message", correlation_key="second", channel="orders")
        graph.function("both", both, first=ref("first"), second=ref("second"))
        graph.edge("gate", "first")
        graph.edge("first", "second")
        graph.edge("second", "both")
        return graph

    registered.agent(plan, both)


def send(job: object, number: int, **options: str) -> str:
    letter = Letter(message_id=f"m{number}", payload={"number": number}, **{"channel": "orders", **options})
    return message(job.pk, letter, APPROVER)  # type: ignore[attr-defined]


def test_messages_are_taken_in_order_whenever_they_come(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:

    listener(registered, world)
    job = submitted()
    doorbells.drain()
    assert [send(job, 1), send(job, 1)] == ["kept", "already"]
    signal(job.pk, "gate", {}, APPROVER)
    assert send(job, 2) == "applied"
    doorbells.drain()
    assert result_of(job) == [{"number": 1}, {"number": 2}]
    assert set(Message.objects.values_list("taken_by", flat=True)) == {"first", "second"}
    assert_whole(job)


def test_a_message_to_a_correlation_key_needs_no_channel(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:

    listener(registered, world)
    job = submitted()
    doorbells.drain()
    signal(job.pk, "gate", {}, APPROVER)
    assert send(job, 1, channel="elsewhere") == "kept"
    assert send(job, 2, channel="", correlation_key="first") == "applied"
    assert Message.objects.get(message_id="m1").taken_by == ""


def test_what_cannot_be_a_message_changes_nothing(registered: Registered, world: World, doorbells: Doorbells) -> None:
    listener(registered, world)
    job = submitted()
    doorbells.drain()
    send(job, 1)
    with pytest.raises(Refused, match="another payload") as conflict:
        message(job.pk, Letter("m1", {"number": 2}), APPROVER)
    assert conflict.value.code == "MESSAGE_CONFLICT"
    with pytest.raises(Refused) as forbidden:
        message(job.pk, Letter("m2", {}), Sender(REQUESTER, may_signal=False, may_decide=True))
    assert forbidden.value.code == "MAY_NOT_SIGNAL"
    assert Message.objects.filter(job=job).count() == 1


def test_a_job_that_has_ended_takes_none(registered: Registered, world: World, doorbells: Doorbells) -> None:

    listener(registered, world)
    job = submitted()
    doorbells.drain()
    send(job, 1)
    cancel(job.pk, actor="user:1/requester")
    assert send(job, 1) == "already"
    with pytest.raises(Refused) as refused:
        send(job, 2)
    assert refused.value.code == "JOB_NOT_PARKED"
    assert again(job).state == "cancelled"
