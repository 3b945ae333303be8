"""Approvals: asked when a human wait opens, decided once by somebody else. The only code that changes one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from aetheris.core.canonical import digest
from jobs.models import Job
from signals_app.models import Approval, Wait
from signals_app.states import APPROVAL_MOVES, ApprovalState


@dataclass(frozen=True)
class Subject:
    """The tool call that is to be approved. `arguments` is canonical text, defaults included."""

    step: str
    tool: str
    tool_version: str
    arguments: str


class Questions(Protocol):
    """Where the approvals of one job stand."""

    def insert_approval(self, approval: Approval) -> None:
        """Store a new question."""
        ...

    def change_approval(self, approval: Approval, columns: dict[str, Any]) -> bool:
        """Change an approval that still has the state it was read with; whether it landed."""
        ...


def request(questions: Questions, job: Job, wait: Wait, subject: Subject | None, now: datetime) -> Approval:
    """Ask: the question is bound to the exact arguments, and to whoever requested the job."""
    about = (
        {
            "step": subject.step,
            "tool": subject.tool,
            "tool_version": subject.tool_version,
            "arguments": subject.arguments,
            "arguments_digest": digest(subject.arguments),
        }
        if subject
        else {}
    )
    approval = Approval(
        job=job,
        tenant=job.tenant,
        correlation_key=wait.correlation_key,
        node=wait.node,
        reason=wait.reason,
        requested_by=job.requested_by,
        requested_at=now,
        expires_at=wait.expires_at,
        **about,
    )
    questions.insert_approval(approval)
    return approval


def decide(
    questions: Questions, approval: Approval, *, approved: bool, reason: str, decided_by: str, now: datetime
) -> bool:
    """Record the decision; whether it landed."""
    to = ApprovalState.APPROVED if approved else ApprovalState.REFUSED
    return _move(questions, approval, to, decided_by=decided_by, decision_reason=reason, decided_at=now)


def expire(questions: Questions, approval: Approval, now: datetime) -> bool:
    """Nobody decided in time."""
    return _move(questions, approval, ApprovalState.EXPIRED, decided_at=now)


def covers(approval: Approval, subject: Subject) -> bool:
    """Whether this approval was given for exactly this call."""
    return (
        approval.state == ApprovalState.APPROVED
        and (approval.tool, approval.tool_version) == (subject.tool, subject.tool_version)
        and approval.arguments == subject.arguments
    )


def _move(questions: Questions, approval: Approval, to: ApprovalState, **columns: object) -> bool:
    columns |= {"state": to.value}
    if to not in APPROVAL_MOVES[ApprovalState(approval.state)] or not questions.change_approval(approval, columns):
        return False
    for name, value in columns.items():
        setattr(approval, name, value)
    return True
