"""A transactional tool: its rows and the record of them are one transaction."""

import socket
import time
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction

from aetheris.conf import configuration
from aetheris.core.context import ToolContext
from aetheris.core.errors import NotApplied, ToolError
from aetheris.core.handlers import Effect
from jobs.engine.run import run_node
from jobs.engine.sweep import sweep
from jobs.models import Node
from ledger.models import Entry
from tests.conftest import Clock
from tests.jobs.engine.one_tool import lost, one_tool
from tests.world import Doorbells, Registered, World, again, event_types, result_of

pytestmark = pytest.mark.usefixtures("whole")


def rows() -> int:
    return Group.objects.count()


def write(ctx: ToolContext) -> str:
    assert connection.in_atomic_block
    Group.objects.create(name=f"row {rows() + 1}")
    return "written"


def test_the_row_and_its_record_are_one(registered: Registered, world: World, doorbells: Doorbells) -> None:
    job = one_tool(registered, world, Effect.TRANSACTIONAL)
    world.answers["act"] = write
    run_node(job.pk, "act")
    assert (again(job).state, result_of(job), rows()) == ("completed", "written", 1)


def test_a_lost_worker_wrote_nothing(registered: Registered, world: World, doorbells: Doorbells, clock: Clock) -> None:
    job = one_tool(registered, world, Effect.TRANSACTIONAL)
    world.answers["act"] = write
    lost(job, clock)
    doorbells.drain()
    assert (again(job).state, rows(), Entry.objects.get(job=job).attempt) == ("completed", 1, 1)


@pytest.mark.parametrize("error", [ToolError("no"), ConnectionResetError("half an answer"), SystemExit(3)])
def test_what_a_failure_wrote_is_taken_back(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock, error: BaseException
) -> None:
    """It is certain that nothing happened: never UNKNOWN."""
    job = one_tool(registered, world, Effect.TRANSACTIONAL)

    def fail(ctx: ToolContext) -> None:
        write(ctx)
        raise error

    world.answers["act"] = fail
    run_node(job.pk, "act")
    for _ in range(4):
        clock.advance(60)
        sweep()
        doorbells.drain()
    assert (again(job).state, rows()) == ("failed", 0)
    assert {entry.state for entry in Entry.objects.filter(job=job)} == {"failed"}
    assert world.called("act") == (1 if isinstance(error, ToolError) else 3)


def test_not_applied_is_tried_again(registered: Registered, world: World, doorbells: Doorbells, clock: Clock) -> None:
    job = one_tool(registered, world, Effect.TRANSACTIONAL)
    left: list[Any] = [NotApplied("busy")]

    def once_busy(ctx: ToolContext) -> str:
        answer = write(ctx)
        if left:
            raise left.pop()
        return answer

    world.answers["act"] = once_busy
    run_node(job.pk, "act")
    clock.advance(60)
    sweep()
    doorbells.drain()
    assert (again(job).state, rows()) == ("completed", 1)


def test_a_result_that_cannot_be_stored_takes_the_row_back(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    job = one_tool(registered, world, Effect.TRANSACTIONAL)

    def no_json(ctx: ToolContext) -> float:
        write(ctx)
        return float("nan")

    world.answers["act"] = no_json
    run_node(job.pk, "act")
    assert (again(job).state, rows()) == ("failed", 0)


def test_a_worker_that_lost_its_lease_takes_its_row_back(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """While the tool runs the lease is taken and the node run by somebody else: only that one's row stays."""
    job = one_tool(registered, world, Effect.TRANSACTIONAL)
    taken = False

    def take_it() -> None:
        clock.advance(400)
        sweep()
        run_node(job.pk, "act")

    def overtaken(ctx: ToolContext) -> str:
        nonlocal taken
        if not taken:
            taken = True
            elsewhere(take_it)
        return write(ctx)

    world.answers["act"] = overtaken
    run_node(job.pk, "act")
    assert (again(job).state, rows(), world.called("act")) == ("completed", 1, 2)
    assert event_types(job).count("node_finished") == 1


def elsewhere(call: Any) -> None:
    """In another thread, with a connection of its own."""
    from concurrent.futures import ThreadPoolExecutor

    def run() -> None:
        try:
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result(timeout=30)


def test_it_does_not_reach_the_network(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = one_tool(registered, world, Effect.TRANSACTIONAL)

    def reach(ctx: ToolContext) -> None:
        socket.create_connection(("127.0.0.1", 9), timeout=1)

    world.answers["act"] = reach
    run_node(job.pk, "act")
    for _ in range(4):
        clock.advance(60)
        sweep()
        doorbells.drain()
    assert again(job).state == "failed"
    assert "Declare a tool" in str(again(job).error)


def test_its_statements_have_its_time_limit_and_the_record_has_not(
    registered: Registered, world: World, doorbells: Doorbells
) -> None:
    job = one_tool(registered, world, Effect.TRANSACTIONAL, timeout=0.3)

    def slow(ctx: ToolContext) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(10)")

    world.answers["act"] = slow
    began = time.monotonic()
    run_node(job.pk, "act")
    assert time.monotonic() - began < 5
    assert again(job).state == "retrying"
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_it_may_pause_as_long_as_its_time_lasts(registered: Registered, world: World, doorbells: Doorbells) -> None:
    """Anybody else who says nothing in a transaction for five seconds has lost it."""
    job = one_tool(registered, world, Effect.TRANSACTIONAL)
    world.answers["act"] = lambda ctx: time.sleep(6)
    run_node(job.pk, "act")
    assert again(job).state == "completed"


def test_a_row_that_a_deferred_constraint_refuses_is_the_failure_of_its_tool(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """PostgreSQL would refuse it only with the commit, and take the record of the failure with it."""
    job = one_tool(registered, world, Effect.TRANSACTIONAL)

    def dangle(ctx: ToolContext) -> None:
        Group.permissions.through.objects.create(group_id=1, permission_id=1_000_000)

    world.answers["act"] = dangle
    run_node(job.pk, "act")
    for _ in range(4):
        clock.advance(60)
        sweep()
        doorbells.drain()
    assert (again(job).state, world.called("act")) == ("failed", 3)
    assert "foreign key" in str(again(job).error)
    assert Node.objects.get(job=job, path="act").crashes == 0


def test_workers_that_are_lost_again_and_again_leave_no_doubt(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """What the database rolled back surely did not happen: the node fails, and nobody is asked."""
    job = one_tool(registered, world, Effect.TRANSACTIONAL)
    for _ in range(configuration().crash_limit):
        lost(job, clock)
    assert (again(job).state, rows()) == ("failed", 0)
    assert "CRASHED_TOO_OFTEN" in str(again(job).error)
    assert Entry.objects.get(job=job).state == "failed"
