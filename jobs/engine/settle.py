"""The end of a job: when it fails, what stops; when nothing is open any more, what it amounts to."""

from typing import Any
from uuid import UUID

from aetheris.core.canonical import Canonical, dumps_escaped, loads
from jobs.engine import doubt
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Body, Node
from jobs.states import JobState, NodeState, Outcome
from ledger.event_types import EventType
from signals_app.models import Approval, Wait


def fail_job(tx: JobTransaction, code: str, message: str, node: str) -> None:
    """The job starts nothing more. It becomes final once no node runs and no effect is in doubt."""
    if tx.job.error is None:
        tx.change(error=dumps_escaped({"code": code, "message": message, "node_id": node}))
    stop_the_rest(tx)
    end_if_done(tx)


def stop_the_rest(tx: JobTransaction) -> None:
    """Cancel every node that neither runs nor is final, and its waits; an effect in doubt keeps its question."""
    Wait.objects.cancel_all(tx.job.pk, tx.now)
    Approval.objects.cancel_all(tx.job.pk, tx.now)
    doubtful = set(Wait.objects.doubtful_nodes(tx.job.pk))
    for node in Node.objects.stoppable(tx.job.pk):
        if node.path not in doubtful and not doubt.remains(tx, node):
            move(tx, node, NodeState.CANCELLED)


def end_if_done(tx: JobTransaction) -> None:
    """Append the terminal event when no node is open."""
    if tx.job.nodes_open or tx.job.is_final:
        return
    if tx.job.error is not None:
        tx.event(EventType.JOB_FAILED, {"error": Canonical(tx.job.error), "goal": tx.job.goal})
        tx.change(ending=JobState.FAILED.value, outcome=Outcome.FAILED.value, finished_at=tx.now)
        return
    outcome = Outcome.REFUSED if Node.objects.was_refused(tx.job.pk) else Outcome.COMPLETED
    result = _result(tx.job.pk, Node.objects.sinks(tx.job.pk))
    tx.event(EventType.JOB_COMPLETED, {"result": result, "outcome": outcome.value, "goal": tx.job.goal})
    tx.change(
        ending=JobState.COMPLETED.value,
        outcome=outcome.value,
        result=tx.keep(dumps_escaped(result)),
        finished_at=tx.now,
    )


def _result(job_id: UUID, sinks: list[Node]) -> Any:
    """The output of the one sink, or each completed sink's output by its path."""
    stored = {node.path: node.output for node in sinks if node.output is not None}
    texts = Body.objects.texts(job_id, stored.values())
    outputs = {path: loads(texts[form]) for path, form in stored.items()}
    if len(sinks) == 1:
        return outputs.get(sinks[0].path)
    return outputs
