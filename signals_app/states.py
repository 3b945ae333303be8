"""The states of waits and approvals and every legal move, as data."""

from django.db.models import TextChoices


class WaitKind(TextChoices):
    """`human` is answered only by a person who may decide, `resolution` says what became of an unknown effect."""

    HUMAN = "human"
    SIGNAL = "signal"
    RESOLUTION = "resolution"


ANSWERED_BY_PEOPLE = (WaitKind.HUMAN, WaitKind.RESOLUTION)


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
    WaitState.CANCELLED: (),
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
