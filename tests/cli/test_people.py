"""What people decide: approvals by their own id or their job's, and what became of effects in doubt."""

import pytest

from tests.cli.conftest import Person
from tests.doors import Door, asking, parked
from tests.signals_app.doubt import breaking_off
from tests.world import Doorbells, Registered, World

pytestmark = pytest.mark.usefixtures("whole")


def test_somebody_else_approves_what_is_shown(
    requester: Person,
    requester_door: Door,
    approver: Person,
    registered: Registered,
    world: World,
    doorbells: Doorbells,
) -> None:
    asking(registered, world)
    job_id = parked(requester_door, doorbells)
    listed = approver("approvals")
    assert all(word in listed.out for word in ("May we?", 'pay {"value": "7.50"}', job_id))
    (asked,) = approver("approvals", "--json").json["approvals"]
    refused = requester("approve", asked["id"])
    assert (refused.code, "FORBIDDEN" in refused.err, "--as" in refused.err) == (1, True, True)
    assert "goes on" in approver("approve", job_id, "--reason", "seen").out
    doorbells.drain()
    assert world.called("pay") == 1
    assert "Nobody has to decide" in approver("approvals").out
    tree = requester("trace", job_id).out
    assert 'out {"approved": true, "reason": "seen"}' in tree
    assert "/approver" in tree
    assert "approved" in approver("approvals", "--status", "approved").out


def test_a_decision_that_was_made_already_is_told_with_who_made_it(
    requester_door: Door, approver: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    job_id = parked(requester_door, doorbells)
    (asked,) = approver("approvals", "--json").json["approvals"]
    assert approver("approve", job_id, "--reason", "seen").code == 0
    doorbells.drain()
    for named in (job_id, asked["id"]):
        same = approver("approve", named, "--reason", "seen")
        assert (same.code, "given before and stands" in same.out) == (0, True)
        other = approver("refuse", named)
        assert (other.code, "SIGNAL_CONFLICT" in other.err) == (1, True)
        for told in (same.out, other.err):
            assert f"It was approved by {asked['requested_by'].partition(':')[0]}:" in told
            assert told.count(": seen") == 1
    assert approver("refuse", job_id, "--json").error["details"]["standing"] == {"approved": True, "reason": "seen"}


def test_what_others_wrote_cannot_move_the_terminal(
    requester: Person, approver: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world, reason="pay \x1b[2J\x9b1A\u202e0001")
    job_id = requester("message", "test-agent", "\x1b]0;mine\x07 pay", "--json").json["job_id"]
    doorbells.drain()
    for said in (approver("approvals"), requester("jobs"), requester("job", job_id), requester("trace", job_id)):
        assert said.code == 0
        assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(said.out)
        assert "\\x1b" in said.out
    assert requester("job", job_id, "--json").json["goal"].startswith("\x1b]")


def test_a_refusal_pays_nothing(
    requester_door: Door, approver: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    asking(registered, world)
    job_id = parked(requester_door, doorbells)
    assert approver("refuse", job_id).code == 0
    doorbells.drain()
    assert world.called("pay") == 0


def test_an_approval_that_is_not_there_is_said_so(approver: Person) -> None:
    missing = approver("approve", "01a1fe35-ff43-7b69-8a7d-98a35dd21682")
    assert (missing.code, "APPROVAL_NOT_FOUND" in missing.err) == (1, True)
    assert "aetheris approvals" in missing.err


def test_doubt_is_listed_with_what_may_be_said_and_resolved(
    requester_door: Door, approver: Person, registered: Registered, world: World, doorbells: Doorbells
) -> None:
    breaking_off(registered, world, {"amount": "7.50"})
    job_id = parked(requester_door, doorbells)
    listed = approver("resolutions").out
    assert f"aetheris resolve {job_id} happened --result" in listed
    early = approver("resolve", job_id, "did_not_happen")
    assert (early.code, "EFFECT_NOT_SETTLED" in early.err) == (1, True)
    assert approver("resolve", job_id, "happened", "--result", "no json").code == 2
    told = approver("resolve", job_id, "happened", "--result", '{"amount": "7.50"}', "--reason", "in the bank's list")
    assert told.code == 0, told.err
    doorbells.drain()
    assert "No effect is in doubt" in approver("resolutions").out
    none = approver("resolve", job_id, "happened")
    assert none.code == 1
