"""Claim: a READY node gets a lease, its arguments and its opened ledger entry, in one transaction."""

import logging
from datetime import timedelta

from django.db import DatabaseError

from aetheris.conf import configuration
from aetheris.core import registry
from aetheris.core.canonical import Canonical
from aetheris.core.errors import AetherisError
from aetheris.core.ids import new_id
from jobs.engine import advance, doubt
from jobs.engine.kinds import tool
from jobs.engine.kinds.base import Claimed, Prepared
from jobs.engine.kinds.table import KINDS
from jobs.engine.transaction import JobTransaction
from jobs.engine.transitions import move
from jobs.models import Body, Job, Node
from jobs.querysets import stored_form
from jobs.states import NodeState, NodeType
from ledger import entries
from ledger.event_types import EventType
from ledger.models import Entry
from ledger.states import EntryKind, EntryState
from signals_app import approvals
from signals_app.models import Approval

logger = logging.getLogger(__name__)

STARTED_EVENT = {
    EntryKind.TOOL.value: EventType.TOOL_INVOCATION_STARTED,
    EntryKind.LLM.value: EventType.LLM_INVOCATION_STARTED,
}


def claim(tx: JobTransaction, path: str) -> Claimed | None:
    """Take a due READY node, or None: somebody else has it, it is not due, or its code is not in this process.

    A node that can never run (arguments that do not fit, an approval that was given for other arguments) fails
    here, before anything is opened.
    """
    node = Node.objects.at(tx.job.pk, path)
    if node is None or not _is_due(tx, node) or not _is_here(tx.job, node):
        return None
    try:
        prepared = KINDS[node.type].prepare(tx.job, node)
        _check_unchanged(node, prepared)
        _check_approval(tx.job, node)
    except AetherisError as error:
        advance.fail(tx, node, error.code, error.message)
        return None
    except DatabaseError:
        raise
    except Exception as error:
        # Whatever it is, it would come again at every claim: the node must not be rung for without end.
        logger.exception("%s of job %s cannot be prepared", node, tx.job)
        advance.fail(tx, node, "NODE_NOT_PREPARED", f"{type(error).__name__}: {error}")
        return None
    return _open(tx, node, prepared)


def _is_due(tx: JobTransaction, node: Node) -> bool:
    if node.state != NodeState.READY or tx.job.starts_nothing_more:
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


def _check_unchanged(node: Node, prepared: Prepared) -> None:
    if node.input is not None and node.input != stored_form(prepared.arguments):
        raise AetherisError(
            "This node ran before with other arguments; it is not run again with new ones.",
            code="NONDETERMINISTIC_NODE",
        )


def _check_approval(job: Job, node: Node) -> None:
    """A call that somebody was asked to approve happens only as approved, to the last argument."""
    approval = Approval.objects.of_step(job.pk, node.path) if node.type == NodeType.TOOL else None
    if approval is not None and not approvals.covers(approval, tool.subject(job, node)):
        raise AetherisError(
            "What was approved is not this call: the tool, its version or an argument differs.",
            code="APPROVAL_DOES_NOT_COVER",
        )


def _open(tx: JobTransaction, node: Node, prepared: Prepared) -> Claimed | None:
    """Lease the node and open its effect; None when the effect is in doubt and must not be repeated."""
    lease = configuration().lease_seconds
    token = new_id()
    entry = Entry.objects.live(tx.job.pk, prepared.intent.step_id) if prepared.intent else None
    if entry and prepared.intent and not entries.is_for(entry, prepared.intent):
        advance.fail(
            tx,
            node,
            "NONDETERMINISTIC_NODE",
            "The ledger holds another call at this place; nothing was sent.",
        )
        return None
    if entry and prepared.intent and entry.state == EntryState.STARTED:
        if not entries.may_send_again(entry, prepared.intent, tx.now):
            doubt.show(tx, node, entry, "LEASE_LOST", "The worker was lost during the call.")
            return None
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
        _announce(tx, node, entry, prepared)
    return Claimed(
        job=tx.job,
        path=node.path,
        type=node.type,
        token=token,
        prepared=prepared,
        settings=node.settings,
        idempotency_key=entry.idempotency_key if entry else "",
        attempt=entry.attempt if entry else 0,
        send_until=tx.began + min(lease, prepared.timeout),
        recorded=Body.objects.text(tx.job.pk, entry.result) if entry and entry.result is not None else None,
    )


def _announce(tx: JobTransaction, node: Node, entry: Entry, prepared: Prepared) -> None:
    tx.event(
        STARTED_EVENT[entry.kind],
        {
            "node_id": node.path,
            "invocation_id": entry.idempotency_key,
            "idempotency_key": entry.idempotency_key,
            "tool_name": entry.tool,
            "tool_version": entry.tool_version,
            "effect": entry.effect,
            "arguments": Canonical(prepared.arguments),
            "arguments_hash": bytes(entry.arguments_digest).hex(),
        },
        node,
    )
