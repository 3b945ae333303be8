"""Ending: a node that was run ends by its outcome, or is tried again, or shows its doubt."""

from django.db import DataError, IntegrityError

from aetheris.core.canonical import Canonical
from aetheris.core.errors import AetherisError, described
from aetheris.core.outcomes import Done, Doubt, Expand, Fail, Outcome
from jobs.engine import advance, doubt, retry
from jobs.engine.again import go_again, make_ready
from jobs.engine.expand import expand, store
from jobs.engine.kinds.output import output_of
from jobs.engine.transaction import JobTransaction
from jobs.engine.until import waits_on
from jobs.models import Node
from jobs.states import NodeState, NodeType
from ledger.entries import Intent
from ledger.models import Entry


def end(
    tx: JobTransaction, node: Node, outcome: Outcome, entry: Entry | None = None, intent: Intent | None = None
) -> None:
    """End a node by what its run ended in. `entry` and `intent` are those of its effect, if it had one."""
    if isinstance(outcome, Expand):
        _expand(tx, node, outcome)
    elif isinstance(outcome, Done):
        _done(tx, node, outcome, entry)
    elif isinstance(outcome, Doubt) and entry and intent:
        _doubt(tx, node, entry, intent, outcome)
    elif not (isinstance(outcome, Fail) and outcome.again and retry.try_again(tx, node, outcome.message)):
        critical = isinstance(outcome, Fail) and outcome.critical
        advance.fail(tx, node, outcome.code, outcome.message, critical=critical)


def end_by_fact(tx: JobTransaction, node: Node, outcome: Outcome, entry: Entry) -> None:
    """End a node by a fact about its effect that came from elsewhere than its run. A step goes on with it; one that is
    READY finds it when it is run."""
    if node.type != NodeType.STEP:
        end(tx, node, outcome, entry)
    elif node.state == NodeState.RUNNING:
        go_again(tx, node, f"It is known what became of {entry.tool}.")
    elif node.state == NodeState.WAITING:
        make_ready(tx, node)


def _done(tx: JobTransaction, node: Node, outcome: Done, entry: Entry | None) -> None:
    """A condition that cannot be evaluated fails the node: it could not be the next time either. A step may have come
    to its end while a thread that it has begun is still in a call: then it is not done."""
    if node.type == NodeType.STEP and doubt.remains(tx, node, "EFFECT_LEFT_OPEN", "The step ended before this did."):
        return
    output = output_of(node.type, outcome.result)
    try:
        if waits_on(tx, node, output):
            return
    except AetherisError as error:
        advance.fail(tx, node, error.code, error.message)
    else:
        advance.complete(tx, node, output, _told(node, entry, outcome))


def _doubt(tx: JobTransaction, node: Node, entry: Entry, intent: Intent, outcome: Doubt) -> None:
    if doubt.try_again(tx, node, entry, intent, outcome.message):
        return
    if not doubt.give_up(tx, node, entry, outcome.code, outcome.message):
        advance.fail(tx, node, outcome.code, outcome.message)


def _expand(tx: JobTransaction, node: Node, outcome: Expand) -> None:
    """A graph that the rows refuse fails its node: planned again, it would be refused again."""
    try:
        nodes = store(tx, node, outcome.graph)
    except (DataError, IntegrityError, ValueError) as error:
        advance.fail(tx, node, "PLAN_NOT_STORABLE", described(error))
    else:
        expand(tx, node, outcome.graph, nodes)


def _told(node: Node, entry: Entry | None, outcome: Done) -> dict[str, object]:
    """The rest of `node_finished`: an output that is in the ledger's event already is not stored twice."""
    if entry is None:
        result_type = "success" if node.type == NodeType.STEP else "pure"
        return {"result_type": result_type, "output": Canonical(outcome.result)}
    written = entry.effect_class.writes
    return {
        "result_type": "side_effect_committed" if written else "success",
        "invocation_id": entry.idempotency_key,
    }
