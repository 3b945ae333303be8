"""The end of a job: when it fails, what stops; when nothing is open any more, what it amounts to."""

from typing import Any
from uuid import UUID

from aetheris.core.canonical import Canonical, dumps_escaped, loads
from jobs.engine import doubt
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import cancel_all, move
from jobs.models import Body, Node
from jobs.states import JobState, NodeState, Outcome
from ledger.event_types import EventType
from signals_app.models import Approval, Wait


def fail_job(tx: JobTransaction, code: str, message: str, node: str) -> None:
    """The job starts nothing more. It becomes final once no node runs and no effect is in doubt. One that is to be
    cancelled stays so: what fails after that is not why it ends."""
    first = not tx.job.starts_nothing_more
    if first:
        tx.change(error=dumps_escaped({"code": code, "message": message, "node_id": node}))
    stop_the_rest(tx)
    end_if_done(tx)
    if first and not tx.job.is_final:
        tx.event(EventType.JOB_FAILING, {"error": Canonical(tx.job.error or "null")})


def stop_the_rest(tx: JobTransaction) -> None:
    """Cancel every node that neither runs nor is final, and its waits; an effect in doubt keeps its question."""
    for wait in Wait.objects.about_the_world(tx.job.pk):
        # Nobody is asked any more whether it goes on; an effect of its own may still be in doubt.
        move(tx, Node.objects.get(job_id=tx.job.pk, path=wait.node), NodeState.READY)
    Wait.objects.cancel_all(tx.job.pk, tx.now)
    Approval.objects.cancel_all(tx.job.pk, tx.now)
    for node in Node.objects.begun(tx.job.pk):
        doubt.remains(tx, node)
    cancel_all(tx, set(Wait.objects.doubtful_nodes(tx.job.pk)))


def end_if_done(tx: JobTransaction) -> None:
    """Append the terminal event when no node is open."""
    if tx.job.nodes_open or tx.job.is_final:
        return
    if tx.job.error is not None:
        tx.event(EventType.JOB_FAILED, {"error": Canonical(tx.job.error), "goal": tx.job.goal})
        tx.change(ending=JobState.FAILED.value, outcome=Outcome.FAILED.value, finished_at=tx.now)
        return
    if tx.job.cancel_requested_at is not None:
        tx.event(EventType.JOB_CANCELLED, {"goal": tx.job.goal})
        tx.change(ending=JobState.CANCELLED.value, outcome=Outcome.CANCELLED.value, finished_at=tx.now)
        return
    outcome = Outcome.REFUSED if Node.objects.was_refused(tx.job.pk) else Outcome.COMPLETED
    result = result_of(tx.job.pk, "")
    tx.event(EventType.JOB_COMPLETED, {"result": result, "outcome": outcome.value, "goal": tx.job.goal})
    tx.change(
        ending=JobState.COMPLETED.value,
        outcome=outcome.value,
        result=tx.keep(dumps_escaped(result)),
        finished_at=tx.now,
    )


def result_of(job_id: UUID, scope: str, named: str = "") -> Any:
    """What a graph amounts to: the output of its named sink, or of its one sink, or each sink's output by its key."""
    sinks = Node.objects.sinks(job_id, scope)
    stored = {node.key: node.output for node in sinks if node.output is not None}
    texts = Body.objects.texts(job_id, stored.values())
    outputs = {key: loads(texts[form]) for key, form in stored.items()}
    if named or len(sinks) == 1:
        return outputs.get(named or sinks[0].key)
    return outputs
