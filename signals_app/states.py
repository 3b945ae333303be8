"""The states of waits and approvals and every legal move, as data."""

from django.db.models import TextChoices


class WaitKind(TextChoices):
    """`human` and `approval` are answered only by a person who may decide, `timer` by time alone, `condition` by what
    its node's tool sees, `message` from the job's mailbox; `resolution` says what became of an unknown effect."""

    HUMAN = "human"
    APPROVAL = "approval"
    SIGNAL = "signal"
    WEBHOOK = "webhook"
    MESSAGE = "message"
    TIMER = "timer"
    CONDITION = "condition"
    RESOLUTION = "resolution"


DECIDED_BY_PEOPLE = (WaitKind.HUMAN, WaitKind.APPROVAL)


WORLD = "world:"
"""How the correlation keys of questions about a changed world begin; then the effect of the look that saw it, `@`, and
the position of the node that waits for the answer."""


def look_in(correlation_key: str) -> str:
    """The effect of the look that a question about a changed world is about."""
    return correlation_key.removeprefix(WORLD).partition("@")[0]


class OnTimeout(TextChoices):
    """What follows when nobody answers in time."""

    FAIL = "fail"
    CONTINUE = "continue"
    BRANCH = "branch"


class WaitState(TextChoices):
    DECLARED = "declared"
    OPEN = "open"
    RESOLVED = "resolved"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


WAIT_ENDINGS = (WaitState.RESOLVED, WaitState.TIMED_OUT, WaitState.CANCELLED)

WAIT_MOVES: dict[WaitState, tuple[WaitState, ...]] = {
    WaitState.DECLARED: (WaitState.OPEN, WaitState.CANCELLED),
    WaitState.OPEN: (WaitState.RESOLVED, WaitState.TIMED_OUT, WaitState.CANCELLED),
    WaitState.RESOLVED: (),
    WaitState.TIMED_OUT: (),
    WaitState.CANCELLED: (WaitState.DECLARED,),
}


class ApprovalState(TextChoices):
    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


APPROVAL_MOVES: dict[ApprovalState, tuple[ApprovalState, ...]] = {
    ApprovalState.PENDING: (
        ApprovalState.APPROVED,
        ApprovalState.REFUSED,
        ApprovalState.EXPIRED,
        ApprovalState.CANCELLED,
    ),
    ApprovalState.APPROVED: (),
    ApprovalState.REFUSED: (),
    ApprovalState.EXPIRED: (),
    ApprovalState.CANCELLED: (),
}
