"""What is pushed: a job's result, its events, and those of all jobs; cut connections lose and double nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import connection, transaction

from aetheris.conf import configuration
from aetheris.live.listener import LOOK_SECONDS
from jobs.engine.cancel import cancel
from jobs.engine.submit import submit
from jobs.engine.transaction import job_transaction
from jobs.models import Job
from ledger.event_types import EventType
from ledger.models import Event
from tests.doors import REQUESTER, Door, asking, door, finishing, parked, refused
from tests.web import Heard, Subscriber, counting, serving
from tests.world import Doorbells, Registered, World, submitted

ALL = "events/stream"


@pytest.fixture
def web(database: None) -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def requester(doorbells: Doorbells, registered: Registered, world: World) -> Door:
    finishing(registered, world)
    return door("requester", *REQUESTER)


def of_job(job_id: object) -> str:
    return f"jobs/{job_id}/events/stream"


def seqs(heard: list[Heard]) -> list[int]:
    return [event.data["seq"] for event in heard]


def in_another_thread(call: Callable[[], Any]) -> Any:
    """What a call answers that has a connection of its own."""

    def run() -> Any:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def get(web: str, door: Door, path: str, **options: Any) -> httpx.Response:
    return httpx.get(web + path, headers={"Authorization": f"Token {door.token}"} | options, timeout=30)


def test_a_result_is_there_as_soon_as_the_job_ends(web: str, requester: Door, doorbells: Doorbells) -> None:
    job = submitted()
    assert get(web, requester, f"jobs/{job.pk}/result").status_code == 202
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get, web, requester, f"jobs/{job.pk}/result?wait=20")
        time.sleep(0.3)
        doorbells.drain()
        ended = time.monotonic()
        answer = waiting.result()
    assert time.monotonic() - ended < LOOK_SECONDS / 2
    assert answer.status_code == 200
    assert answer.json() == {
        "job_id": str(job.pk),
        "status": "completed",
        "outcome": "completed",
        "result": {"amount": "7.50"},
        "error": None,
    }
    assert get(web, requester, f"jobs/{job.pk}/result?wait=20").json() == answer.json()


def test_a_long_wait_asks_no_more_than_a_short_one(web: str, requester: Door) -> None:
    job = submitted()
    asked = []
    for wait in (0.2, 2.5 * LOOK_SECONDS):
        with counting() as statements:
            assert get(web, requester, f"jobs/{job.pk}/result?wait={wait}").status_code == 202
        asked.append(list(statements))
    assert asked[0] == asked[1]
    assert len(asked[0]) > 3


def test_a_wait_that_is_over_says_how_the_job_stands(web: str, requester: Door) -> None:
    job = submitted()
    answer = get(web, requester, f"jobs/{job.pk}/result?wait=0.2")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")


@pytest.mark.parametrize("wait", ["-1", "61", "soon", "nan", "9" * 400])
def test_a_wait_that_is_none(requester: Door, wait: str) -> None:
    job = submitted()
    assert refused(lambda: requester.get(f"jobs/{job.pk}/result", wait=wait)) == (400, "INVALID_REQUEST")


def test_a_stream_has_the_events_of_the_list_and_ends_with_the_job(
    web: str, requester: Door, doorbells: Doorbells
) -> None:
    job = submitted()
    subscriber = Subscriber(web, requester.token, of_job(job.pk))
    with ThreadPoolExecutor(1) as pool:
        hearing = pool.submit(lambda: list(subscriber.events()))
        time.sleep(0.3)
        doorbells.drain()
        heard = hearing.result(LOOK_SECONDS / 2)
    listed = requester.get(f"jobs/{job.pk}/events").body["events"]
    assert [event.data for event in heard] == listed
    assert [event.type for event in heard] == [event["type"] for event in listed]
    assert get(web, requester, of_job(job.pk), **{"Last-Event-ID": subscriber.cursor}).status_code == 204


def test_a_stream_is_resumed_behind_every_event(web: str, requester: Door, doorbells: Doorbells) -> None:
    job = submitted()
    doorbells.drain()
    last = Job.objects.get(pk=job.pk).seq
    for cursor in range(1, last):
        subscriber = Subscriber(web, requester.token, of_job(job.pk), str(cursor))
        assert seqs(list(subscriber.events())) == list(range(cursor + 1, last + 1))


def test_a_stream_tells_proxies_not_to_keep_it_and_beats(
    web: str, requester: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configuration(), "heartbeat_seconds", 0.1)
    monkeypatch.setattr(configuration(), "stream_seconds", 0.5)
    job = submitted()
    answer = get(web, requester, of_job(job.pk))
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache, no-transform"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.text.count(": still here") >= 3
    assert len(answer.text.partition("\n")[0]) > 2000


def test_a_stream_needs_no_connection_while_nothing_happens(web: str, requester: Door) -> None:
    job = submitted()
    streams = [Subscriber(web, requester.token, of_job(job.pk)).events() for _ in range(12)]
    assert [next(stream).data["seq"] for stream in streams] == [1] * 12
    assert get(web, requester, "jobs").status_code == 200
    for stream in streams:
        stream.close()  # type: ignore[attr-defined]


def test_all_jobs_come_in_one_stream_whose_cuts_lose_nothing(web: str, requester: Door, doorbells: Doorbells) -> None:
    before = submitted()
    subscriber = Subscriber(web, requester.token, ALL)
    started, done = threading.Event(), threading.Event()
    heard: list[Heard] = []

    def listen() -> None:
        """Cuts the connection after each third event."""
        while not done.is_set() or len(heard) < 40:
            for event in subscriber.events(until=3, seconds=20):
                heard.append(event)
            started.set()

    jobs = [submitted() for _ in range(2)]
    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(listen)
        time.sleep(0.3)
        while not started.is_set():
            jobs.append(submitted())
            doorbells.drain()
        jobs += [submitted() for _ in range(3)]
        doorbells.drain()
        done.set()
        while len(heard) < 40 or len(heard) % 3:
            jobs.append(submitted())
            doorbells.drain()
            time.sleep(0.2)
        listening.result(30)
    places = [(event.data["job_id"], event.data["seq"]) for event in heard]
    assert len(set(places)) == len(places)
    of_jobs: dict[str, list[int]] = {}
    for job_id, seq in places:
        of_jobs.setdefault(job_id, []).append(seq)
    for listed in of_jobs.values():
        assert all(after == earlier + 1 for earlier, after in pairwise(listed))
    assert str(before.pk) in of_jobs


def test_the_whole_past_is_a_stream_as_well(web: str, requester: Door, doorbells: Doorbells) -> None:
    jobs = [submitted() for _ in range(3)]
    doorbells.drain()
    number = Event.objects.count()
    heard = list(Subscriber(web, requester.token, ALL, "0").events(until=number))
    assert {event.data["job_id"] for event in heard} == {str(job.pk) for job in jobs}
    for job in jobs:
        listed = requester.get(f"jobs/{job.pk}/events").body["events"]
        assert [event.data for event in heard if event.data["job_id"] == str(job.pk)] == listed


def test_what_commits_late_is_not_passed_by(web: str, requester: Door) -> None:
    """Its transaction began first: what others have committed meanwhile waits for it, so that no cursor passes it."""
    subscriber = Subscriber(web, requester.token, ALL, "0")
    late, early = submitted(), submitted()
    heard: list[Heard] = []

    def listen() -> None:
        heard.extend(subscriber.events(until=4, seconds=20))

    with transaction.atomic():
        cancel(late.pk, actor="user:1/requester", reason="late")
        listening = threading.Thread(target=listen)
        listening.start()
        in_another_thread(lambda: cancel(early.pk, actor="user:1/requester", reason="early"))
        time.sleep(0.5)
        assert len(heard) == 2
    listening.join(20)
    assert [(event.data["job_id"], event.data["seq"]) for event in heard[2:]] == [(str(late.pk), 2), (str(late.pk), 3)]


def test_a_job_whose_writers_overtook_each_other_is_told_in_order(web: str, requester: Door) -> None:
    """The later event was written by the transaction with the older id."""
    job = submitted()
    with transaction.atomic():
        submitted("takes an id first")
        in_another_thread(lambda: cancel(job.pk, actor="user:1/requester", reason=""))
        with job_transaction(job.pk, verb="test") as tx:
            tx.event(EventType.WORLD_CHANGED, {"node_id": "plan"})
    txids = list(Event.objects.stream(job.pk).values_list("txid", flat=True))
    assert txids != sorted(txids)
    heard = list(Subscriber(web, requester.token, ALL, "0").events(until=len(txids) + 1))
    assert seqs([event for event in heard if event.data["job_id"] == str(job.pk)]) == list(range(1, len(txids) + 1))


@pytest.mark.parametrize("cursor", ["x", "-1", "1-2-3", "9" * 30, "1" * 18, "\x7f", "5-" + "0" * 32])
@pytest.mark.parametrize("path", [ALL, "jobs/{}/events/stream"])
def test_a_broken_cursor_is_told_so(requester: Door, path: str, cursor: str) -> None:
    path = path.format(submitted().pk)
    ask = lambda: requester.send("GET", path, headers={"Last-Event-ID": cursor})  # noqa: E731
    assert refused(ask) == (400, "INVALID_CURSOR")


def test_streams_of_others_do_not_exist(requester: Door, registered: Registered, world: World) -> None:
    foreign = submit("test-agent", "theirs", tenant="another", requested_by="user:9/else").job_id
    for job_id in (foreign, uuid4()):
        assert refused(lambda job_id=job_id: requester.get(of_job(job_id))) == (404, "JOB_NOT_FOUND")  # type: ignore[misc]
        assert refused(lambda job_id=job_id: requester.get(f"jobs/{job_id}/result")) == (404, "JOB_NOT_FOUND")  # type: ignore[misc]


def test_a_parked_job_is_followed_until_it_ends(
    web: str, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    requester = door("requester", *REQUESTER)
    job_id = parked(requester, doorbells)
    subscriber = Subscriber(web, requester.token, of_job(job_id))
    with ThreadPoolExecutor(1) as pool:
        hearing = pool.submit(lambda: list(subscriber.events()))
        time.sleep(0.3)
        requester.post(f"jobs/{job_id}/stop")
        heard = hearing.result(LOOK_SECONDS / 2)
    assert heard[-1].type == "job_cancelled"
