"""What a person may say about an effect that nobody else can find out about, and what follows."""

from typing import Annotated, Any

import pytest
from pydantic import BeforeValidator

from aetheris.core.context import ToolContext
from aetheris.core.errors import Refused
from aetheris.core.findings import Finding, Happened
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Effect, Hooks
from aetheris.core.outcomes import Done, Fail
from jobs.engine.cancel import cancel
from jobs.engine.commit import commit
from jobs.engine.resolve import resolve
from jobs.engine.sender import Sender
from jobs.engine.signal import signal
from jobs.engine.transaction import job_transaction
from jobs.models import Job
from ledger.models import Entry, Event
from signals_app.models import Wait
from tests.conftest import Clock
from tests.doors import every_record
from tests.jobs.engine.one_tool import LEASE, lost, one_tool, question
from tests.world import APPROVER, REQUESTER, Doorbells, Registered, World, again, event_types, result_of, states

SETTLE = 600.0
SECOND = Sender("user:3/second", may_signal=True, may_decide=True)
pytestmark = pytest.mark.usefixtures("whole")


@pytest.fixture
def unknown(registered: Registered, world: World, doorbells: Doorbells, clock: Clock) -> Job:
    """A job whose one effect, of class `once`, is UNKNOWN."""
    job = one_tool(registered, world, Effect.ONCE, settle=SETTLE)
    lost(job, clock)
    doorbells.drain()
    assert again(job).state == "parked"
    return job


def say(job: Job, resolution: str, sender: Sender = APPROVER, **more: Any) -> str:
    return resolve(job.pk, question(job), {"resolution": resolution, **more}, sender)


def refusal(job: Job, resolution: str, sender: Sender = APPROVER, **more: Any) -> str:
    """The code of a refusal that changed nothing."""
    before = every_record()
    with pytest.raises(Refused) as refused:
        say(job, resolution, sender, **more)
    assert every_record() == before
    return refused.value.code


def test_it_happened_and_the_job_goes_on_with_the_result(unknown: Job, world: World) -> None:
    assert say(unknown, "happened", result={"id": 7}, reason="seen in the bank's list") == "applied"
    assert (again(unknown).state, result_of(unknown), world.called("act")) == ("completed", {"id": 7}, 0)
    told = Event.objects.get(job_id=unknown.pk, type="effect_resolved")
    assert all(word in told.payload for word in ('"happened"', "user:2/approver", "seen in the bank"))


def test_it_did_not_happen_and_the_node_fails(unknown: Job, world: World, clock: Clock) -> None:
    clock.advance(SETTLE)
    assert say(unknown, "did_not_happen") == "applied"
    assert (again(unknown).state, Entry.objects.get(job=unknown).state) == ("failed", "failed")
    assert "DID_NOT_HAPPEN" in str(again(unknown).error)
    assert world.called("act") == 0


@pytest.mark.parametrize("resolution", ["did_not_happen", "send_again"])
def test_before_it_is_settled_nobody_can_say_that_it_did_not_happen(unknown: Job, resolution: str) -> None:
    assert refusal(unknown, resolution) == "EFFECT_NOT_SETTLED"


def test_sending_again_takes_two_persons_and_a_new_key(
    unknown: Job, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    clock.advance(SETTLE)
    assert say(unknown, "send_again") == "proposed"
    assert (again(unknown).state, world.called("act")) == ("parked", 0)
    assert refusal(unknown, "send_again") == "SECOND_PERSON_NEEDED"
    assert refusal(unknown, "send_again", Sender(REQUESTER, may_signal=True, may_decide=True)) == (
        "REQUESTER_MAY_NOT_DECIDE"
    )
    assert say(unknown, "send_again", SECOND) == "applied"
    doorbells.drain()
    assert (again(unknown).state, world.called("act")) == ("completed", 1)
    assert world.calls[0][2].endswith(":act:2")
    told = Event.objects.get(job_id=unknown.pk, type="effect_resolved").payload
    assert '"decided_by":"user:3/second"' in told
    assert '"proposed_by":"user:2/approver"' in told


def test_a_late_success_after_sending_again_was_decided_is_a_conflict_that_is_shown(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    job = one_tool(registered, world, Effect.ONCE, settle=SETTLE)
    first = lost(job, clock)
    doorbells.drain()
    clock.advance(SETTLE)
    say(job, "send_again")
    say(job, "send_again", SECOND)
    with job_transaction(job.pk) as tx:
        commit(tx, first, Done('"after all"'))
    assert states(job) == {"act": "ready"}, "a fact against what was decided moves nothing"
    assert again(job).conflicts == 1


def test_the_provider_can_be_asked_once_more(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    def find(ctx: ToolContext, value: Any = None) -> Finding:
        return Happened("found")

    job = one_tool(registered, world, Effect.ONCE, hooks=Hooks(reconcile=find))
    lost(job, clock)
    doorbells.drain()
    assert say(job, "ask") == "applied"
    doorbells.drain()
    assert (again(job).state, result_of(job), world.called("act")) == ("completed", "found", 0)


def test_a_question_that_was_asked_in_vain_is_put_again_under_another_key(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    def find(ctx: ToolContext, value: Any = None) -> Finding:
        raise ConnectionResetError("half an answer")

    job = one_tool(registered, world, Effect.ONCE, hooks=Hooks(reconcile=find))
    lost(job, clock)
    doorbells.drain()
    say(job, "ask")
    from jobs.engine.sweep import sweep

    for _ in range(4):
        doorbells.drain()
        clock.advance(60)
        sweep()
    assert question(job) == "resolution:act:1:2"
    assert say(job, "happened", result=1) == "applied"


def test_a_tool_without_a_hook_cannot_be_asked(unknown: Job) -> None:
    assert refusal(unknown, "ask") == "CANNOT_ASK"


def test_who_may_not_decide(unknown: Job) -> None:
    assert refusal(unknown, "happened", Sender("user:9/x", may_signal=True, may_decide=False), result=1) == (
        "MAY_NOT_DECIDE"
    )
    assert refusal(unknown, "happened", Sender(REQUESTER, may_signal=True, may_decide=True), result=1) == (
        "REQUESTER_MAY_NOT_DECIDE"
    )


@pytest.mark.parametrize("answer", [{"resolution": "perhaps"}, {}, {"resolution": "happened"}, {"resolution": 7}])
def test_an_answer_that_says_nothing_is_refused(unknown: Job, answer: dict[str, Any]) -> None:
    before = every_record()
    with pytest.raises(Refused) as refused:
        resolve(unknown.pk, question(unknown), answer, APPROVER)
    assert (refused.value.code, every_record()) == ("RESOLUTION_INVALID", before)


def test_a_result_must_be_what_the_tool_returns(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    from aetheris.core.schema import Signature

    def returns_a_number(ctx: ToolContext, value: Any = None) -> int:
        return 1

    job = one_tool(registered, world, Effect.ONCE, call=returns_a_number, signature=Signature(returns_a_number))
    lost(job, clock)
    doorbells.drain()
    assert refusal(job, "happened", result="no number") == "RESOLUTION_INVALID"
    assert say(job, "happened", result=5) == "applied"
    assert result_of(job) == 5


def test_a_result_that_the_tools_own_code_cannot_check_is_refused(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    from aetheris.core.schema import Signature

    def broken(value: Any) -> Any:
        raise RuntimeError("the validator is broken")

    def returns(ctx: ToolContext, value: Any = None) -> Annotated[Any, BeforeValidator(broken)]: ...

    job = one_tool(registered, world, Effect.ONCE, call=returns, signature=Signature(returns))
    lost(job, clock)
    doorbells.drain()
    assert refusal(job, "happened", result=1) == "RESOLUTION_INVALID"


def test_the_first_resolution_stands(unknown: Job) -> None:
    key = question(unknown)
    assert say(unknown, "happened", result=1) == "applied"
    assert resolve(unknown.pk, key, {"resolution": "happened", "result": 2}, SECOND) == "already"
    with pytest.raises(Refused) as refused:
        resolve(unknown.pk, key, {"resolution": "did_not_happen"}, SECOND)
    assert refused.value.code == "SIGNAL_CONFLICT"


def test_the_signal_door_takes_the_same_answer(unknown: Job) -> None:
    payload = {"resolution": "happened", "result": "by signal"}
    assert signal(unknown.pk, question(unknown), payload, APPROVER) == "applied"
    assert result_of(unknown) == "by signal"


def test_a_cancelled_job_ends_once_somebody_says_what_happened(unknown: Job, clock: Clock) -> None:
    cancel(unknown.pk, actor="user:1/requester", reason="")
    assert again(unknown).state == "parked"
    clock.advance(SETTLE)
    assert refusal(unknown, "send_again") == "JOB_STARTS_NOTHING_MORE"
    assert say(unknown, "did_not_happen") == "applied"
    assert again(unknown).state == "cancelled"


def test_an_error_edge_leads_on_after_it_did_not_happen(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    act, instead = world.tool("act", Effect.ONCE), world.tool("instead")

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("act", act)
        graph.tool("instead", instead, value="plan b")
        graph.edge("act", "instead", on="error")
        return graph

    registered.agent(plan, act, instead)
    from tests.world import submitted

    job = submitted()
    world.answers["act"] = ConnectionResetError("half an answer")
    doorbells.drain()
    clock.advance(SETTLE + LEASE + 30)
    say(job, "did_not_happen")
    doorbells.drain()
    assert (again(job).state, result_of(job)) == ("completed", "plan b")


def test_an_unknown_question_is_no_question(unknown: Job) -> None:
    with pytest.raises(Refused) as refused:
        resolve(unknown.pk, "resolution:other:1", {"resolution": "happened", "result": 1}, APPROVER)
    assert refused.value.code == "INVALID_SIGNAL_KEY"
    assert event_types(unknown)[-1] == "job_waiting"
    assert Wait.objects.filter(job=unknown, state="open").count() == 1


def test_once_answered_it_waits_for_its_next_try_and_for_nobody(
    registered: Registered, world: World, doorbells: Doorbells, clock: Clock
) -> None:
    """The worker that was lost comes back: it had not sent anything. The job is not parked any more."""
    job = one_tool(registered, world, Effect.ONCE)
    first = lost(job, clock)
    doorbells.drain()
    assert again(job).state == "parked"
    with job_transaction(job.pk) as tx:
        commit(tx, first, Fail("TOO_LATE_TO_SEND", "Nothing was sent.", again=True))
    assert again(job).state == "retrying"
