"""Late: a fact about an effect whose node nobody holds any more answers the doubt that it left, and ends the node."""

from aetheris.core.outcomes import Done, Fail, Outcome
from jobs.engine.ending import end_by_fact
from jobs.engine.possible import Resolution
from jobs.engine.resolve import close_question
from jobs.engine.transaction import JobTransaction
from jobs.models import Node
from jobs.states import NodeState
from ledger import entries
from ledger.models import Entry
from ledger.states import EntryState
from signals_app.models import Wait


def settle_late(tx: JobTransaction, node: Node, entry: Entry, outcome: Outcome) -> None:
    """Let a fact that has just settled `entry` move a node that waits to hear it, or that nobody has taken since."""
    if entry.settled_at is None or not isinstance(outcome, Done | Fail):
        return
    is_over = node.state == NodeState.READY and isinstance(outcome, Fail) and not outcome.again
    if close_if_asked(tx, node, entry) or is_over:
        end_by_fact(tx, node, outcome, entry)


def close_if_asked(tx: JobTransaction, node: Node, entry: Entry) -> bool:
    """Close the open question about an entry that has just been settled; whether there was one."""
    question = Wait.objects.asked_about(tx.job.pk, entries.question_key(entry))
    if question is None:
        return False
    happened = entry.state == EntryState.COMMITTED
    resolution = Resolution.HAPPENED if happened else Resolution.DID_NOT_HAPPEN
    close_question(tx, question, entry, resolution, decided_by=tx.actor)
    return True
