"""Claim: a READY node gets a lease, its arguments and its opened ledger entry, in one transaction."""

import logging
from datetime import timedelta

from django.db import DatabaseError

from aetheris.conf import configuration
from aetheris.core import registry
from aetheris.core.errors import AetherisError
from aetheris.core.ids import new_id
from aetheris.core.recourse import Recourse
from jobs.engine import advance, doubt, facts
from jobs.engine.facts import tell_started
from jobs.engine.kinds import ask, tool
from jobs.engine.kinds.base import Claimed, Prepared, Question
from jobs.engine.kinds.table import KINDS
from jobs.engine.overdue import fail_overdue
from jobs.engine.problems import problem
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Job, Node
from jobs.querysets import stored_form
from jobs.states import NodeState, NodeType
from ledger import entries
from ledger.event_types import EventType
from ledger.models import Entry
from ledger.states import EntryState
from signals_app import approvals
from signals_app.models import Approval

logger = logging.getLogger(__name__)


def claim(tx: JobTransaction, path: str) -> Claimed | None:
    """Take a due READY node, or None: somebody else has it, it is not due, or its code is not in this process.

    A node that can never run (arguments that do not fit, an approval that was given for other arguments) fails
    here, before anything is opened.
    """
    if fail_overdue(tx):
        return None
    node = Node.objects.at(tx.job.pk, path)
    if node is None or not _is_due(tx, node):
        return None
    if node.type == NodeType.WAIT:
        advance.reach(tx, node)
        return None
    if not _is_here(tx.job, node):
        return None
    try:
        prepared = KINDS[node.type].prepare(tx.job, node)
        _check_unchanged(tx.job, node, prepared)
        _check_approval(tx.job, node)
    except DatabaseError:
        raise
    except Exception as error:
        # Whatever it is, it would come again at every claim: the node must not be rung for without end.
        _refuse(tx, node, *problem(error))
        return None
    return _open(tx, node, prepared)


def _refuse(tx: JobTransaction, node: Node, code: str, message: str) -> None:
    """End a node that cannot be claimed; an effect that it may have had before is shown instead."""
    if not doubt.remains(tx, node, code, message):
        advance.fail(tx, node, code, message)


def _is_due(tx: JobTransaction, node: Node) -> bool:
    job = tx.job
    full = job.max_parallel is not None and job.nodes_running >= job.max_parallel
    if node.state != NodeState.READY or job.starts_nothing_more or full:
        return False
    return node.not_before is None or node.not_before <= tx.now


def _is_here(job: Job, node: Node) -> bool:
    """Whether this process has the node's code in the version that the job was planned with."""
    name = job.agent.name
    same_version = name in registry.agents and registry.agents.get(name).version == job.code_version
    if same_version and KINDS[node.type].is_here(job, node):
        return True
    logger.warning("%s of job %s stays ready: this worker lacks its code (%s %s)", node, job, name, job.code_version)
    return False


def _check_unchanged(job: Job, node: Node, prepared: Prepared) -> None:
    """A rerun makes the very call that was made before, or none."""
    entry = Entry.objects.live(job.pk, prepared.intent.step_id) if prepared.intent else None
    changed_input = node.input is not None and node.input != stored_form(prepared.arguments)
    if changed_input or (entry and prepared.intent and not entries.is_for(entry, prepared.intent)):
        raise AetherisError(
            "This node was begun with other arguments, another tool or another version of it; nothing was sent.",
            code="NONDETERMINISTIC_NODE",
        )


def _check_approval(job: Job, node: Node) -> None:
    """A call that somebody was asked to approve happens only as all who were asked have approved it."""
    asked = Approval.objects.of_step(job.pk, node.path) if node.type == NodeType.TOOL else []
    if asked:
        subject = tool.subject(job, node)
        if not all(approvals.covers(approval, subject) for approval in asked):
            raise AetherisError(
                "What was approved is not this call: tool, version or an argument differs, or somebody said no.",
                code="APPROVAL_DOES_NOT_COVER",
            )


def _open(tx: JobTransaction, node: Node, prepared: Prepared) -> Claimed | None:
    """Lease the node and open its effect. An effect in doubt is asked about first where that can be done; None when
    it must not be repeated."""
    entry = Entry.objects.live(tx.job.pk, prepared.intent.step_id) if prepared.intent else None
    if entry is None or prepared.intent is None or entry.state == EntryState.COMMITTED:
        return _lease(tx, node, prepared, entry)
    match entries.recourse(entry, prepared.intent, tx.now):
        case Recourse.SEND:
            return _lease(tx, node, prepared, entry)
        case Recourse.ASK:
            asking = ask.prepare(entry, prepared)
            question = Question(entry.tool, entry.step_id, entry.attempt, entry.idempotency_key)
            return _lease(tx, node, asking, Entry.objects.live(tx.job.pk, asking.step_id), question)
        case Recourse.SHOW:
            doubt.show(tx, node, entry, "LEASE_LOST", "The worker was lost during the call.")
            return None


def _lease(
    tx: JobTransaction, node: Node, prepared: Prepared, entry: Entry | None, question: Question | None = None
) -> Claimed:
    """Give the node to this worker, and open its effect or send it again."""
    lease = configuration().lease_seconds
    token = new_id()
    if entry is not None and prepared.intent is not None and entry.state == EntryState.STARTED:
        entries.send_again(entry, prepared.intent, token=token, now=tx.now, lease=lease)
    move(
        tx,
        node,
        NodeState.RUNNING,
        lease_token=token,
        lease_expires_at=tx.now + timedelta(seconds=lease),
        deadline_at=tx.now + timedelta(seconds=prepared.timeout),
        claims=node.claims + 1,
        not_before=None,
        input=tx.keep(prepared.arguments),
        started_at=node.started_at or tx.now,
    )
    tx.event(EventType.NODE_STARTED, {"node_id": node.path, "type": node.type, "claims": node.claims}, node)
    if prepared.intent and entry is None:
        entry = entries.open_entry(tx.job, node.path, prepared.intent, token=token, now=tx.now, lease=lease)
    if entry and entry.state == EntryState.STARTED:
        tell_started(tx, node, entry, prepared.arguments)
    return Claimed(
        job=tx.job,
        path=node.path,
        type=node.type,
        queue=node.queue,
        token=token,
        prepared=prepared,
        settings=node.settings,
        idempotency_key=entry.idempotency_key if entry else "",
        attempt=entry.attempt if entry else 0,
        send_until=tx.began + min(lease, prepared.timeout),
        recorded=facts.recorded(tx, entry) if entry and entry.state == EntryState.COMMITTED else None,
        question=question,
    )
