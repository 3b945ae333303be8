"""Every invariant can fail: each is broken here, alone, and the checker names it and no other."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect
from aetheris.core.ids import new_id, random_bytes
from aetheris.core.references import ref
from aetheris.testing.afresh import line_of, replayed_afresh
from aetheris.testing.invariants import INVARIANTS, NOT_CHECKED, Call, Sent, table, told, violations
from jobs.engine.claim import claim
from jobs.engine.run import run_node
from jobs.engine.signal import signal
from jobs.engine.transaction import job_transaction
from jobs.models import Job
from ledger.event_types import EventType
from ledger.models import Entry, Event
from ledger.querysets import NewEvent
from tests import own_database
from tests.conftest import Clock
from tests.world import APPROVER, Doorbells, Registered, World, again, in_turn, submitted

KEY = "ask-1"


class Case:
    """A refund that a person approves, and what its witnesses saw. Its payment is sent twice under one key, because
    the first answer was lost; the sink applied it once."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.sent: list[Sent] = []
        self.calls = [Call("submit", "ok", str(job.pk), "key-1", job.goal, "test-agent")]

    @property
    def pay(self) -> Entry:
        return Entry.objects.get(job=self.job, tool="pay")

    def ids(self, **options: Any) -> set[str]:
        settings: dict[str, Any] = {"tools": {"pay"}, "afresh": False} | options
        found = violations(self.sent, self.calls, **settings)
        assert len(told(found).splitlines()) == len(found)
        return {each.invariant for each in found}

    def corrupt(self, statement: str, **values: Any) -> None:
        """Change rows behind the back of every trigger."""
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(statement, {"job": self.job.pk, **values})
            assert cursor.rowcount > 0
            cursor.execute("RESET session_replication_role")

    def forge(self, type: EventType, payload: str, node: str = "", claim: int = 0) -> None:
        """Append an event that no verb has appended; the chain is whole."""
        span = f"{node}#{claim}" if node else ""
        with transaction.atomic():
            Event.objects.append(self.job.pk, [NewEvent(type, "nobody", node, span, payload, random_bytes(16))])


@pytest.fixture
def parked(registered: Registered, world: World, doorbells: Doorbells) -> Case:
    """The refund, until a person is asked."""
    look, pay = world.tool("look"), world.tool("pay", Effect.IDEMPOTENT)
    world.answers["pay"] = in_turn(TimeoutError("no answer"), "paid")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("look", look, value={"amount": "7.50"})
        graph.wait("ask", kind="human", correlation_key=KEY, approves="pay", timeout=3600)
        graph.tool("pay", pay, value=ref("look.amount"))
        graph.edge("look", "ask")
        graph.edge("ask", "pay")
        return graph

    registered.agent(plan, look, pay)
    case = Case(submitted(idempotency_key="key-1"))
    doorbells.drain()
    assert case.ids(healed=True) == set()
    return case


@pytest.fixture
def paid(parked: Case, doorbells: Doorbells, clock: Clock) -> Case:
    """The refund, done."""
    signal(parked.job.pk, KEY, {"approved": True}, APPROVER)
    parked.calls.append(Call("signal", "ok", str(parked.job.pk), KEY, '{"approved":true}', told="applied"))
    doorbells.drain()
    clock.advance(60)
    run_node(parked.job.pk, "pay")
    key = parked.pay.idempotency_key
    parked.sent = [Sent(key, "keyed", "7.50", True, 0, 1), Sent(key, "keyed", "7.50", False, 200, 2)]
    assert again(parked.job).state == "completed"
    assert parked.ids(healed=True) == set()
    return parked


def test_each_invariant_is_checked_or_named_as_not_checked() -> None:
    numbered = {f"I{number}" for number in range(1, 19)}
    assert {each.id for each in INVARIANTS} | set(NOT_CHECKED) == numbered
    assert len(INVARIANTS) == len({each.id for each in INVARIANTS})
    assert all(each.of_a_job or each.of_all for each in INVARIANTS if each.id != table.AFRESH)


def test_what_happened_is_no_violation_for_a_fresh_process_either(paid: Case) -> None:
    assert paid.ids(afresh=True, healed=True) == set()


def test_i1_applied_twice(paid: Case) -> None:
    paid.sent[1] = replace(paid.sent[1], applied=True)
    assert paid.ids() == {"I1"}


def test_i1_sent_twice_though_once(paid: Case) -> None:
    paid.corrupt("UPDATE ledger_entry SET effect = 'once' WHERE job_id = %(job)s AND tool = 'pay'")
    assert paid.ids() == {"I1"}


def test_i2_committed_and_never_applied(paid: Case) -> None:
    paid.sent = [replace(each, applied=False) for each in paid.sent]
    assert paid.ids() == {"I2"}


def test_i2_failed_and_yet_applied(paid: Case) -> None:
    paid.corrupt(
        "UPDATE ledger_entry SET state = 'failed', result = NULL, error = '{}' WHERE job_id = %(job)s AND tool = 'pay'"
    )
    assert paid.ids() >= {"I2"}


def test_i2_doubt_in_a_final_job(paid: Case) -> None:
    paid.corrupt(
        "UPDATE ledger_entry SET state = 'unknown', settled_at = NULL, result = NULL"
        " WHERE job_id = %(job)s AND tool = 'pay'"
    )
    assert paid.ids() >= {"I2", "I4"}


def test_i3_two_requests_under_one_key(paid: Case) -> None:
    paid.sent[1] = replace(paid.sent[1], digest="75.00", answered=409)
    assert paid.ids() == {"I3"}


def test_i3_two_effects_under_one_key(paid: Case) -> None:
    paid.corrupt("UPDATE ledger_entry SET idempotency_key = 'the same' WHERE job_id = %(job)s")
    found = violations(paid.sent, afresh=False)
    assert any(each.what == "the same is the key of 2 effects" for each in found if each.invariant == "I3")


def test_i4_a_job_that_was_accepted_is_gone(parked: Case) -> None:
    parked.calls.append(Call("submit", "ok", str(new_id()), "key-2", "do it", "test-agent"))
    assert parked.ids() == {"I4"}


def test_i4_nothing_will_wake_it(parked: Case) -> None:
    parked.corrupt("UPDATE signals_app_wait SET state = 'cancelled', ended_at = now() WHERE job_id = %(job)s")
    assert parked.ids() >= {"I4"}


def test_i4_a_wait_of_a_node_that_has_ended(paid: Case) -> None:
    paid.corrupt(
        "UPDATE signals_app_wait SET state = 'declared', ended_at = NULL, answer = NULL WHERE job_id = %(job)s"
    )
    assert paid.ids() >= {"I4"}


def test_i4_a_question_about_what_is_known(paid: Case) -> None:
    paid.corrupt(
        "INSERT INTO signals_app_wait (job_id, correlation_key, tenant, node, kind, state, channel, park, reason,"
        " approves, on_timeout, answered_by, looks, proposed_by, opened_at, question_id) SELECT job_id,"
        " 'resolution:pay:1', tenant, 'pay', 'resolution', 'open', '', true, '', '', 'fail', '', 0, '', now(), job_id"
        " FROM signals_app_wait WHERE job_id = %(job)s"
    )
    assert paid.ids() == {"I4", "I9"}


def test_i4_not_at_rest(parked: Case) -> None:
    parked.calls.append(Call("submit", "ok", str(submitted(idempotency_key="key-2").pk), "key-2", "do it"))
    assert parked.ids(healed=False) == set()
    assert parked.ids(healed=True) == {"I4"}


def test_i5_a_key_with_two_jobs(parked: Case) -> None:
    parked.calls.append(replace(parked.calls[0], job=str(submitted(idempotency_key="key-2").pk)))
    assert parked.ids() == {"I5"}


def test_i5_a_key_with_two_messages(parked: Case) -> None:
    parked.calls.append(replace(parked.calls[0], body="do something else"))
    assert parked.ids() == {"I5"}


def test_i5_a_job_that_nobody_asked_for(parked: Case) -> None:
    submitted()
    assert parked.ids() == {"I5"}
    parked.calls.append(Call("submit", "unknown"))
    assert parked.ids() == set()


def test_i5_a_key_without_its_job(parked: Case) -> None:
    parked.corrupt("UPDATE jobs_submission SET job_id = %(other)s", other=new_id())
    assert parked.ids() == {"I5"}


def test_i6_an_altered_hash(parked: Case) -> None:
    parked.corrupt("UPDATE ledger_event SET hash = payload_digest WHERE job_id = %(job)s AND seq = 3")
    assert parked.ids() == {"I6"}


def test_i6_an_altered_digest(parked: Case) -> None:
    parked.corrupt("UPDATE ledger_event SET payload_digest = hash WHERE job_id = %(job)s AND seq = 3")
    assert parked.ids() == {"I6"}


def test_i6_events_of_no_job(parked: Case) -> None:
    parked.corrupt(
        "INSERT INTO ledger_event SELECT %(other)s, seq, tenant, type, category, actor, node, span, at, payload, nonce,"
        " payload_digest, hash, txid FROM ledger_event WHERE job_id = %(job)s",
        other=new_id(),
    )
    assert parked.ids() == {"I6"}


def test_i7_an_event_of_a_stale_claim(paid: Case) -> None:
    paid.forge(EventType.FACT_CONFLICT, "{}", "pay", claim=1)
    assert paid.ids() == {"I7"}


def test_i7_a_claim_that_no_event_tells_of(paid: Case) -> None:
    paid.corrupt("UPDATE jobs_node SET claims = claims + 1 WHERE job_id = %(job)s AND path = 'pay'")
    assert paid.ids() == {"I7"}


def test_i8_two_holders(registered: Registered, world: World, doorbells: Doorbells) -> None:
    registered.agent(TaskGraph)
    case = Case(submitted(idempotency_key="key-1"))
    with job_transaction(case.job.pk) as tx:
        assert claim(tx, "plan") is not None
    assert case.ids() == set()
    case.forge(EventType.NODE_STARTED, '{"node_id":"plan","type":"plan","claims":2}', "plan", claim=2)
    case.corrupt("UPDATE jobs_node SET claims = 2 WHERE job_id = %(job)s")
    assert case.ids() == {"I8"}


def test_i9_a_move_that_is_not_legal(paid: Case) -> None:
    paid.forge(EventType.NODE_FINISHED, '{"node_id":"look","state":"skipped","result_type":"skipped"}', "look", claim=1)
    assert paid.ids() == {"I9"}


def test_i9_a_job_with_two_ends(paid: Case) -> None:
    paid.forge(EventType.JOB_COMPLETED, '{"goal":"do it","outcome":"completed","result":"paid"}')
    assert paid.ids() == {"I9"}


@pytest.mark.parametrize("column", ["nodes_open", "nodes_ready", "nodes_delayed", "nodes_running", "nodes_parked"])
def test_i9_a_counter_that_is_wrong(parked: Case, column: str) -> None:
    parked.corrupt(f"UPDATE jobs_job SET {column} = {column} + 1 WHERE id = %(job)s")
    assert parked.ids() == {"I9"}


def test_i9_a_row_that_is_not_as_told(paid: Case) -> None:
    paid.corrupt("UPDATE jobs_job SET goal = 'do something else' WHERE id = %(job)s")
    assert paid.ids() == {"I9"}


def test_i9_a_wait_that_is_not_as_told(paid: Case) -> None:
    paid.corrupt("UPDATE signals_app_wait SET state = 'timed_out', answer = NULL WHERE job_id = %(job)s")
    assert paid.ids() == {"I9", "I11"}


@pytest.mark.parametrize(
    ("tool", "change"),
    [("pay", "result = '\"not paid\"'"), ("pay", "sends = 3"), ("look", "arguments_digest = sha256('')")],
)
def test_i10_an_entry_that_is_not_as_told(paid: Case, tool: str, change: str) -> None:
    paid.corrupt(f"UPDATE ledger_entry SET {change} WHERE job_id = %(job)s AND tool = %(tool)s", tool=tool)
    assert paid.ids() == {"I10"}


def test_i10_an_effect_that_the_ledger_does_not_know(paid: Case) -> None:
    paid.sent.append(Sent(f"aetheris:{paid.job.pk}:pay:2", "keyless", "7.50", True, 200, 3))
    assert paid.ids() == {"I10"}


def test_i10_more_requests_than_sends(paid: Case) -> None:
    paid.sent.append(replace(paid.sent[1], arrival=3))
    assert paid.ids() == {"I10"}


def test_i10_an_effect_settled_twice(paid: Case) -> None:
    key = paid.pay.idempotency_key
    paid.forge(
        EventType.TOOL_INVOCATION_FINISHED,
        f'{{"node_id":"pay","invocation_id":"{key}","idempotency_key":"{key}","tool_name":"pay",'
        '"outcome":"success","result":"paid"}',
        "pay",
        claim=2,
    )
    assert paid.ids() == {"I10"}


def test_i11_an_answer_that_was_taken_and_does_not_stand(paid: Case) -> None:
    paid.calls[1] = replace(paid.calls[1], body='{"approved":false}')
    assert paid.ids() == {"I11"}


def test_i11_an_answer_that_was_lost(parked: Case) -> None:
    parked.calls.append(Call("signal", "ok", str(parked.job.pk), KEY, '{"approved":true}', told="applied"))
    assert parked.ids() == {"I11"}


def test_i11_a_signal_that_was_not_applied(paid: Case) -> None:
    paid.corrupt("UPDATE signals_app_signal SET applied_at = NULL WHERE job_id = %(job)s")
    assert paid.ids() == {"I11"}


def test_i11_an_answer_that_counts_twice(paid: Case) -> None:
    paid.corrupt("UPDATE signals_app_signal SET payload = '{}' WHERE job_id = %(job)s")
    assert paid.ids() == {"I11"}


def test_i12_another_state_for_a_fresh_process(paid: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "line_of", lambda story: line_of(story).replace('"paid"', '"stolen"'))
    assert paid.ids(afresh=True) == {"I12"}


@pytest.mark.parametrize(
    "reach", ["time.time()", "socket.create_connection(('127.0.0.1', 9))", "uuid.uuid4()", "random.random()"]
)
def test_i12_the_fresh_process_reaches_nothing(reach: str) -> None:
    code = (
        f"import random, socket, time, uuid\nfrom aetheris.testing import afresh\nafresh.shut_the_world_out()\n{reach}"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "RuntimeError: a replay" in answer.stderr


def test_i12_a_replay_that_breaks_off_says_why() -> None:
    assert "JSONDecodeError" in replayed_afresh(["{"])[""]


@pytest.mark.parametrize(
    "change",
    [
        "decided_by = requested_by",
        "decided_at = requested_at + interval '1 day'",
        "expires_at = requested_at",
        "state = 'refused'",
        "tool_version = '2'",
        "arguments_digest = sha256('')",
    ],
)
def test_i13_an_approval_that_does_not_cover_what_was_sent(paid: Case, change: str) -> None:
    paid.corrupt(f"UPDATE signals_app_approval SET {change} WHERE job_id = %(job)s")
    assert paid.ids() == {"I13"}


@pytest.mark.parametrize("of", ["jobs_node", "jobs_edge", "ledger_entry", "signals_app_wait", "signals_app_approval"])
def test_i15_a_row_of_another_tenant(paid: Case, of: str) -> None:
    paid.corrupt(f"UPDATE {of} SET tenant = 'other' WHERE job_id = %(job)s")
    assert paid.ids() == {"I15"}


def test_i16_a_wait_whose_time_is_long_over(parked: Case, clock: Clock) -> None:
    clock.advance(3600 + 6)
    assert parked.ids(healed=False) == set()
    assert parked.ids(healed=True) == {"I16"}


def test_i17_a_transaction_that_was_left_open(parked: Case, idle: Callable[[], None]) -> None:
    idle()
    assert parked.ids(healed=True, patience=0.0) == {"I17"}


def test_i17_more_connections_than_were_agreed_on(parked: Case) -> None:
    assert parked.ids(connections=100) == set()
    assert parked.ids(connections=0) == {"I17"}


@pytest.fixture
def idle() -> Iterator[Callable[[], None]]:
    """Leaves a transaction open on another connection, until the test is over."""
    begun, over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            begun.set()
            over.wait(30)
        connection.close()

    holder = threading.Thread(target=hold)

    def begin() -> None:
        holder.start()
        begun.wait(30)

    yield begin
    over.set()
    holder.join()


def test_a_rig_that_has_only_a_database_can_ask_as_well(paid: Case, tmp_path: Path) -> None:
    log, history = tmp_path / "sink.ndjson", tmp_path / "history.ndjson"
    history.write_text("".join(f"{json.dumps(asdict(call))}\n" for call in paid.calls))

    def checked(sent: list[Sent]) -> tuple[int, list[dict[str, str]]]:
        log.write_text("".join(f"{json.dumps(asdict(each) | {'body': {}})}\n" for each in sent))
        options = ["--sent", str(log), "--history", str(history), "--healed"]
        command = [sys.executable, "-m", "aetheris.testing.check", *options]
        environ = {**os.environ, "AETHERIS_DATABASE_URL": own_database.url()}
        answer = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        return answer.returncode, [json.loads(line) for line in answer.stdout.splitlines()]

    assert checked(paid.sent) == (0, [])
    status, told = checked([replace(each, applied=True) for each in paid.sent])
    assert (status, [each["invariant"] for each in told]) == (1, ["I1"])
