"""Asking: a node whose effect is in doubt asks its provider what became of it, as an ordinary read."""

from dataclasses import replace

from aetheris.core import registry
from aetheris.core.canonical import dumps_around, loads
from aetheris.core.context import StopRequest
from aetheris.core.findings import DidNotHappen, Finding, Happened, Undecided
from aetheris.core.handlers import Effect
from aetheris.core.outcomes import Done, Outcome
from jobs.engine import gateway
from jobs.engine.kinds.base import Claimed, Prepared
from ledger.models import Entry


def prepare(entry: Entry, sent: Prepared) -> Prepared:
    """What asking about `entry` takes: the arguments that were sent, and an effect of its own, which only reads."""
    assert sent.intent is not None  # noqa: S101  only effects are in doubt
    step_id = f"{entry.step_id}#reconcile-{entry.attempt}"
    return replace(
        sent, intent=replace(sent.intent, step_id=step_id, effect=Effect.READ, tool=f"{entry.tool}.reconcile")
    )


def call(claimed: Claimed, stop: StopRequest) -> Outcome:
    assert claimed.question is not None  # noqa: S101  else the node itself is called
    declared = registry.tools.get(claimed.question.tool)
    finding = gateway.reconcile(declared, claimed.prepared.arguments, claimed.context(stop))
    return Done(dumps_around(_as_data(finding)))


def finding_in(outcome: Outcome) -> Finding:
    """What an ended question found out; one without an answer is undecided."""
    if not isinstance(outcome, Done):
        return Undecided(getattr(outcome, "message", ""))
    data = loads(outcome.result)
    if data["finding"] == "happened":
        return Happened(data["result"])
    return DidNotHappen() if data["finding"] == "did not happen" else Undecided(data["reason"])


def _as_data(finding: Finding) -> dict[str, object]:
    match finding:
        case Happened(result):
            return {"finding": "happened", "result": result}
        case DidNotHappen():
            return {"finding": "did not happen"}
        case Undecided(reason):
            return {"finding": "undecided", "reason": reason}
