"""Turn: what a claimed node does now. It is run, or a hook is asked first about what happened before."""

from typing import NamedTuple

from aetheris.core.recourse import Recourse
from jobs.engine import doubt, effects, world_check
from jobs.engine.kinds import ask
from jobs.engine.kinds.base import Prepared, Purpose, Question
from jobs.engine.transaction import JobTransaction
from jobs.models import Node
from jobs.states import NodeType
from ledger import entries
from ledger.models import Entry
from ledger.states import EntryState


class Turn(NamedTuple):
    """What is done, as which effect; `entry` is what earlier runs left of it."""

    prepared: Prepared
    entry: Entry | None
    question: Question | None = None


def turn_of(tx: JobTransaction, node: Node, prepared: Prepared) -> Turn | None:
    """The node's turn; None when an effect of it is in doubt and must not be repeated: then it is shown. None also
    while a person is asked whether the job goes on: then the node waits for the answer too."""
    if world_check.waits_too(tx, node):
        return None
    if (to_check := world_check.next_check(tx)) is not None:
        return _question(tx, *to_check)
    entry, sent, recourse = _before(tx, node, prepared)
    if entry is not None and recourse is Recourse.SHOW:
        doubt.show(tx, node, entry, "LEASE_LOST", "The worker was lost during the call.")
        return None
    if entry is not None and recourse is Recourse.ASK:
        question = Question(Purpose.ASK, entry.tool, entry.step_id, entry.attempt, entry.idempotency_key)
        return _question(tx, ask.prepare(entry, sent), question)
    return Turn(prepared, entry)


def _question(tx: JobTransaction, prepared: Prepared, question: Question) -> Turn:
    return Turn(prepared, tx.rows.live(prepared.step_id), question)


def _before(tx: JobTransaction, node: Node, prepared: Prepared) -> tuple[Entry | None, Prepared, Recourse]:
    """What earlier runs left of the node's effect, or of the one effect of a step that is in doubt."""
    if node.type == NodeType.STEP:
        return effects.in_doubt(tx, node) or (None, prepared, Recourse.SEND)
    entry = tx.rows.live(prepared.step_id) if prepared.intent else None
    if entry is None or prepared.intent is None or entry.state == EntryState.COMMITTED:
        return entry, prepared, Recourse.SEND
    return entry, prepared, entries.recourse(tx.rows, entry, prepared.intent, tx.now)
