"""Giving work and looking at it: messages, jobs, traces, replays, and a talk with an agent."""

import json
import signal
import subprocess
import time
from dataclasses import replace

import pytest

from aetheris.cli.shown.words import when
from aetheris.core.handlers import Effect
from aetheris.testing.proxy import Proxy
from jobs.engine.resolve import resolve
from jobs.models import Job
from tests.cli.conftest import Person
from tests.conftest import Clock
from tests.doors import asking, finishing, two_waits
from tests.jobs.engine.one_tool import lost, one_tool, question
from tests.world import APPROVER, Doorbells, Registered, World, submitted

pytestmark = pytest.mark.usefixtures("whole")


def wait_for(process: "subprocess.Popen[str]", words: str) -> None:
    """Until a command has said so. Fails with what else it says if it ends before."""
    assert process.stdout is not None
    while line := process.stdout.readline():
        if words in line:
            return
    pytest.fail(f"It ended before: {process.communicate(timeout=30)}")


def test_agents_and_their_states_are_shown(
    requester: Person, operator: Person, registered: Registered, world: World
) -> None:
    finishing(registered, world)
    assert "test-agent" in requester("agent", "list").out
    assert operator("agent", "create", "test-agent").code == 0
    assert requester("agent", "state", "test-agent", "--json").json["status"] == "idle"
    assert "idle" in requester("agent", "state", "test-agent").out
    refused = operator("agent", "create", "nobody")
    assert refused.code == 1
    assert "AGENT_NOT_FOUND" in refused.err
    assert "aetheris init" in refused.err


def test_a_message_becomes_a_job_that_can_be_looked_at(
    requester: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    sent = requester("message", "test-agent", "do [bold]it[/]", "--key", "k-1", "--json")
    assert sent.json["status"] == "accepted"
    job_id = sent.json["job_id"]
    again = requester("message", "test-agent", "do [bold]it[/]", "--key", "k-1")
    assert job_id in again.out
    assert f"aetheris job {job_id} --follow" in again.out
    due = requester("job", job_id).out
    assert "plan waits for a worker: It is ready, last rung for at 2" in due
    assert ("a worker of the queue default takes it." in due, "aetheris workers" in due) == (True, True)
    doorbells.drain()
    listed = requester("jobs")
    assert (job_id in listed.out, "do [bold]it[/]" in listed.out) == (True, True)
    assert requester("jobs", "test-agent", "--status", "failed", "--json").json["jobs"] == []
    shown = requester("job", job_id)
    assert all(word in shown.out for word in ("completed", "look", "7.50", "user:"))
    assert requester("job", job_id, "--json").json["result"] == {"amount": "7.50"}


def test_more_jobs_than_a_page_holds_are_behind_its_cursor(
    requester: Person, registered: Registered, world: World
) -> None:
    finishing(registered, world)
    made = {str(submitted().pk) for _ in range(3)}
    first = requester("jobs", "--limit", "2", "--json").json
    assert f"--cursor {first['next_cursor']}" in requester("jobs", "--limit", "2").out
    second = requester("jobs", "--limit", "2", "--cursor", first["next_cursor"], "--json").json
    assert {job["id"] for page in (first, second) for job in page["jobs"]} == made


def test_a_message_that_is_waited_for_is_told_live(
    requester: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    process = requester.start("message", "test-agent", "do it", "--wait")
    wait_for(process, "created for test-agent")
    doorbells.drain()
    rest, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert "calls look" in rest
    assert rest.index("success") < rest.index("took")


def test_who_waits_is_told_what_the_job_waits_for_and_not_longer_than_asked(
    requester: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    job_id = requester("message", "test-agent", "pay", "--json").json["job_id"]
    doorbells.drain()
    began = time.monotonic()
    waited = requester("job", job_id, "--follow", "--timeout", "1s")
    assert 1 <= time.monotonic() - began < 10
    assert waited.code == 5
    assert "May we?" in waited.out
    assert f"aetheris approve {job_id}" in waited.out
    lines = requester("job", job_id, "--follow", "--timeout", "1s", "--json").out
    assert json.loads(lines.splitlines()[0])["type"] == "job_created"


def test_a_job_that_does_not_end_well_ends_the_command_with_4(
    requester: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    job_id = requester("message", "test-agent", "pay", "--json").json["job_id"]
    doorbells.drain()
    assert "stopped" in requester("cancel", job_id, "--reason", "a mistake").out
    followed = requester("job", job_id, "--follow")
    assert followed.code == 4
    assert "a mistake" in followed.out


def test_who_follows_through_a_cut_connection_misses_nothing(
    requester: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    job_id = requester("message", "test-agent", "do it", "--json").json["job_id"]
    behind = requester.url.removeprefix("http://")
    with Proxy({"web": ("tcp:127.0.0.1:0", f"tcp:{behind}")}) as proxy:
        through = replace(requester, url=f"http://127.0.0.1:{proxy.addresses['web'].port}")
        process = through.start("job", job_id, "--follow", "--json")
        assert process.stdout is not None
        heard = [json.loads(process.stdout.readline())]
        proxy.order("web", "reset")
        doorbells.drain()
        rest, errors = process.communicate(timeout=60)
    *told, job = map(json.loads, rest.splitlines())
    heard += told
    assert (process.returncode, errors, job["status"]) == (0, "", "completed")
    assert [event["seq"] for event in heard] == list(range(1, heard[-1]["seq"] + 1))
    assert heard[-1]["type"] == "job_completed"


def test_ctrl_c_stops_watching_and_not_the_job(
    requester: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    process = requester.start("message", "test-agent", "do it", "--wait")
    wait_for(process, "created for test-agent")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    doorbells.drain()
    assert Job.objects.get().state == "completed"


def test_a_trace_is_a_tree_and_a_replay_a_verdict(
    requester: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world)
    job_id = requester("message", "test-agent", "do it", "--json").json["job_id"]
    doorbells.drain()
    tree = requester("trace", job_id).out
    assert (
        tree.index("plan  ok")
        < tree.index("look  ok")
        < tree.index("tool look-test-agent  success")
        < tree.index("out {")
    )
    assert requester("trace", job_id, "--json").json["execution_tree"]["state"] == "completed"
    nothing = str(submitted().pk)
    assert "goal do it" in requester("trace", nothing).out
    replayed = requester("replay", job_id, "--step", "look")
    assert replayed.code == 0
    assert "✓ the chain of events is whole" in replayed.out
    assert "✓ events and records agree" in replayed.out
    assert world.called("look-test-agent") == 1


def test_a_trace_tells_a_crash_and_who_answered_what(
    requester: Person, registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    sent_again = one_tool(registered, world, Effect.IDEMPOTENT)
    lost(sent_again, clock)
    doorbells.drain()
    tree = requester("trace", str(sent_again.pk)).out
    assert "its worker was lost: lease expired" in tree
    assert "send 2 under one key" in tree
    registered.forget()
    unknown = one_tool(registered, world, Effect.ONCE)
    lost(unknown, clock)
    doorbells.drain()
    resolve(unknown.pk, question(unknown), {"resolution": "happened", "result": 7, "reason": "seen"}, APPROVER)
    tree = requester("trace", str(unknown.pk)).out
    assert tree.index("out 7") < tree.index('out {"resolution": "happened", "reason": "seen"}')
    assert "by  user:2/approver" in tree


def test_a_replay_that_differs_ends_with_1(
    requester: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    job_id = requester("message", "test-agent", "pay", "--json").json["job_id"]
    doorbells.drain()
    head = Job.objects.get().head
    Job.objects.update(head=b"forged")
    replayed = requester("replay", job_id)
    Job.objects.update(head=head)
    assert replayed.code == 1
    assert "✗ the chain is broken" in replayed.out


def test_a_signal_answers_a_wait(requester: Person, registered: Registered, world: World, doorbells: Doorbells) -> None:
    two_waits(registered, world)
    job_id = requester("message", "test-agent", "do it", "--json").json["job_id"]
    doorbells.drain()
    assert f"aetheris signal {job_id} first" in requester("job", job_id).out
    assert "goes on" in requester("signal", job_id, "first", "--payload", '{"amount": 7}').out
    other = requester("signal", job_id, "first", "--payload", "{}", "--json")
    assert (other.code, other.error["code"]) == (1, "SIGNAL_CONFLICT")
    unknown = requester("signal", job_id, "third")
    assert "INVALID_SIGNAL_KEY" in unknown.err
    for payload in ("[1]", "{"):
        assert requester("signal", job_id, "second", "--payload", payload).code == 2


def test_a_failed_job_is_tried_again(
    requester: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    from aetheris import ToolError

    finishing(registered, world)
    world.answers["look-test-agent"] = ToolError("no")
    job_id = requester("message", "test-agent", "do it", "--json").json["job_id"]
    doorbells.drain()
    assert f"aetheris retry {job_id}" in requester("job", job_id).out
    assert "TOOL_ERROR: no" in requester("trace", job_id).out
    world.answers["look-test-agent"] = {"amount": "8"}
    assert "goes on where it failed" in requester("retry", job_id).out
    doorbells.drain()
    assert requester("job", job_id, "--json").json["status"] == "completed"
    assert "Only a failed job" in requester("retry", job_id).err


def test_a_job_that_is_tried_again_later_says_where_why_and_when(
    requester: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    from aetheris import NotApplied

    finishing(registered, world)
    world.answers["look-test-agent"] = NotApplied("busy")
    job_id = requester("message", "test-agent", "do it", "--json").json["job_id"]
    doorbells.drain()
    shown = requester("job", job_id).out
    assert ("tries so far: 1" in shown, f"aetheris job {job_id} --follow" in shown) == (True, True)
    (why,) = requester("job", job_id, "--json").json["why"]
    assert f"look waits for its next try at {when(why['until'])}: It is tried again then: " in shown
    assert "busy" in why["about"]
    assert "not before" in requester("job", job_id, "--follow", "--timeout", "1s").out


def test_a_talk_answers_line_by_line(
    requester: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    finishing(registered, world, "quick")
    asking(registered, world)
    process = requester.start("chat", "quick")
    assert process.stdin is not None
    process.stdin.write("hello\n")
    process.stdin.flush()
    wait_for(process, "created for quick")
    doorbells.drain()
    rest, errors = process.communicate("\n", timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert '"amount": "7.50"' in rest
    assert requester("chat", "nobody").code == 1
