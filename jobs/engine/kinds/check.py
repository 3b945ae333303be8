"""Checking: before a job that stopped goes on, a recorded result is held against the world, as an ordinary read."""

from datetime import datetime

from aetheris.core import registry
from aetheris.core.canonical import digest, loads, object_of
from aetheris.core.context import StopRequest
from aetheris.core.errors import described
from aetheris.core.handlers import Effect
from aetheris.core.outcomes import Doubt, Outcome
from jobs.engine import gateway
from jobs.engine.kinds.base import Claimed, Prepared, done
from ledger.entries import Intent
from ledger.models import Entry
from ledger.states import EntryKind


def step_id(entry: Entry, stopped_at: datetime) -> str:
    """The effect of checking `entry` after this stop."""
    return f"{entry.step_id}#verify-{stopped_at:%Y%m%dT%H%M%S%f}"


def prepare(entry: Entry, arguments: str, recorded: str, stopped_at: datetime) -> Prepared:
    """What checking takes: the arguments that were sent and the result that was recorded, both canonical text."""
    declared = registry.tools.get(entry.tool)
    text = object_of({"arguments": arguments, "recorded": recorded})
    intent = Intent(
        step_id=step_id(entry, stopped_at),
        kind=EntryKind.TOOL,
        effect=Effect.READ,
        tool=f"{entry.tool}.verify",
        tool_version=declared.version,
        arguments_digest=digest(text),
        timeout=declared.timeout,
        window=declared.timeout,
        settle=0.0,
    )
    return Prepared(text, declared.timeout, intent)


def call(claimed: Claimed, stop: StopRequest) -> Outcome:
    assert claimed.question is not None  # noqa: S101  else the node itself is called
    declared = registry.tools.get(claimed.question.tool)
    about = loads(claimed.prepared.arguments)
    try:
        changed = gateway.verify(declared, about["arguments"], about["recorded"], claimed.context(stop))
    except Exception as error:
        return Doubt("VERIFY_FAILED", described(error))
    return done({"changed": changed})
