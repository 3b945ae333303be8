"""Give back: a worker that is to end leaves a node that it has claimed and not begun to others, at once."""

from aetheris.core.handlers import Effect
from jobs.engine.kinds.base import Claimed
from jobs.engine.transaction import job_transaction
from jobs.engine.transitions import move
from jobs.models import Node
from jobs.states import NodeState
from ledger.event_types import EventType

HARMLESS = (Effect.PURE, Effect.READ)


def give_back(claimed: Claimed) -> bool:
    """Make the node READY and ring for it; whether it landed. False, with nothing changed, for an opened write: the
    next worker could not know that it was not sent, so this one still makes the call."""
    intent = claimed.prepared.intent
    if claimed.recorded is not None or (intent is not None and intent.effect not in HARMLESS):
        return False
    with job_transaction(claimed.job.pk, verb="give_back") as tx:
        node = Node.objects.at(claimed.job.pk, claimed.path)
        if node is None or node.lease_token != claimed.token or tx.job.starts_nothing_more:
            return False
        reason = "its worker was told to stop"
        tx.event(EventType.NODE_RECLAIMED, {"node_id": node.path, "claims": node.claims, "reason": reason}, node)
        move(tx, node, NodeState.READY, rung_at=tx.now)
    return True
