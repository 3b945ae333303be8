"""Claim: a READY node gets a lease, its arguments and its opened ledger entry, in one transaction."""

import logging
from datetime import timedelta
from uuid import UUID, uuid5

from django.db import DatabaseError

from aetheris.conf import configuration
from aetheris.core import registry
from aetheris.core.errors import AetherisError
from aetheris.core.ids import new_id
from jobs.body_querysets import stored_form
from jobs.engine import advance, facts, pace
from jobs.engine.facts import tell_started
from jobs.engine.kinds import tool
from jobs.engine.kinds.base import Claimed, Prepared
from jobs.engine.kinds.table import KINDS
from jobs.engine.overdue import fail_overdue
from jobs.engine.problems import problem
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.engine.turn import turn_of
from jobs.models import Job, Node
from jobs.states import NodeState, NodeType
from ledger import entries
from ledger.event_types import EventType
from ledger.states import EntryState
from signals_app import approvals

logger = logging.getLogger(__name__)


def lease_token(activation: UUID, job_id: UUID, path: str, claims: int) -> UUID:
    """The token of one lease. Whoever knows which activation was lost knows by it which lease that held."""
    return uuid5(activation, f"{job_id} {path}#{claims}")


def claim(tx: JobTransaction, path: str, activation: UUID | None = None) -> Claimed | None:
    """Take a due READY node, or None: somebody else has it, it is not due, or its code is not in this process.

    A node that can never run (arguments that do not fit, an approval that was given for other arguments) fails
    here, before anything is opened. `activation` is the claimer's own name; without one it is given one.
    """
    if fail_overdue(tx) or not _may_have_ready(tx.job):
        return None
    node = tx.rows.node(path)
    if node is None or not _is_due(tx, node):
        return None
    if node.type == NodeType.WAIT:
        advance.reach(tx, node)
        return None
    if not _is_here(tx.job, node):
        return None
    try:
        prepared = KINDS[node.type].prepare(tx.rows, node)
        _check_unchanged(tx, node, prepared)
        _check_approval(tx, node)
    except DatabaseError:
        raise
    except Exception as error:
        # Whatever it is, it would come again at every claim: the node must not be rung for without end.
        advance.fail(tx, node, *problem(error))
        return None
    return _open(tx, node, prepared, activation or new_id())


def _may_have_ready(job: Job) -> bool:
    """By its counters alone: of two that are told of a node at once, one comes when nothing is left."""
    return bool(job.nodes_ready or job.nodes_delayed or job.nodes_parked)


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


def _check_unchanged(tx: JobTransaction, node: Node, prepared: Prepared) -> None:
    """A rerun makes the very call that was made before, or none."""
    entry = tx.rows.live(prepared.intent.step_id) if prepared.intent else None
    changed_input = node.input is not None and node.input != stored_form(prepared.arguments)
    if changed_input or (entry and prepared.intent and not entries.is_for(entry, prepared.intent)):
        raise AetherisError(
            "This node was begun with other arguments, another tool or another version of it; nothing was sent.",
            code="NONDETERMINISTIC_NODE",
        )


def _check_approval(tx: JobTransaction, node: Node) -> None:
    """A call that somebody was asked to approve happens only as all who were asked have approved it."""
    asked = tx.rows.approvals_of(node.path) if node.type == NodeType.TOOL else []
    if asked:
        subject = tool.subject(tx.rows, node)
        if not all(approvals.covers(approval, subject) for approval in asked):
            raise AetherisError(
                "What was approved is not this call: tool, version or an argument differs, or somebody said no.",
                code="APPROVAL_DOES_NOT_COVER",
            )


def _open(tx: JobTransaction, node: Node, own: Prepared, activation: UUID) -> Claimed | None:
    """Lease the node and open its effect, or send it again; None when the effect is in doubt and is shown."""
    turn = turn_of(tx, node, own)
    if turn is None:
        return None
    prepared, entry = turn.prepared, turn.entry
    lease = configuration().lease_seconds
    token = lease_token(activation, tx.job.pk, node.path, node.claims + 1)
    if entry is not None and prepared.intent is not None and entry.state == EntryState.STARTED:
        entries.send_again(tx.rows, entry, prepared.intent, token=token, now=tx.now, lease=lease)
    move(
        tx,
        node,
        NodeState.RUNNING,
        lease_token=token,
        lease_expires_at=tx.now + timedelta(seconds=lease),
        deadline_at=tx.now + timedelta(seconds=prepared.timeout),
        claims=node.claims + 1,
        not_before=None,
        input=tx.keep(own.arguments),
        started_at=node.started_at or tx.now,
    )
    tx.event(EventType.NODE_STARTED, {"node_id": node.path, "type": node.type, "claims": node.claims}, node)
    if prepared.intent and entry is None:
        entry = entries.open_entry(tx.rows, tx.job, node.path, prepared.intent, token=token, now=tx.now, lease=lease)
    if entry and entry.state == EntryState.STARTED:
        tell_started(tx, node, entry, prepared.arguments)
    return Claimed(
        job=tx.job,
        path=node.path,
        type=node.type,
        queue=node.queue,
        activation=activation,
        token=token,
        prepared=prepared,
        settings=node.settings,
        values=[],
        pace_name=pace.name_of(tx.job.agent.name, node.type, node.config),
        idempotency_key=entry.idempotency_key if entry else "",
        attempt=entry.attempt if entry else 0,
        send_until=tx.began + min(lease, prepared.timeout),
        recorded=facts.recorded(tx, entry) if entry and entry.state == EntryState.COMMITTED else None,
        question=turn.question,
        claims=node.claims,
    )
