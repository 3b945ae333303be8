"""Who answers a wait, through whatever door, and what the answer came to."""

from dataclasses import dataclass

from aetheris.core.errors import Refused
from aetheris.core.principal import same
from jobs.models import Job

APPLIED = "applied"
ALREADY = "already"
KEPT = "kept"
PROPOSED = "proposed"

TOLD = {
    APPLIED: "The answer is applied; the job goes on.",
    ALREADY: "The same answer was given before and stands.",
    KEPT: "The answer is kept until its wait opens.",
    PROPOSED: "Noted. A second person must say the same.",
}
"""Each, as people are told."""


@dataclass(frozen=True)
class Sender:
    """Who answers, and what they may: `may_signal` for ordinary waits, `may_decide` for what people decide."""

    principal: str
    may_signal: bool
    may_decide: bool


def check_decider(job: Job, sender: Sender) -> None:
    """People decide who may, and who did not ask for it themselves. Raises `Refused`."""
    if not sender.may_decide:
        raise Refused("Answering for a person needs the permission approval:decide.", code="MAY_NOT_DECIDE")
    if same(sender.principal, job.requested_by):
        raise Refused(
            "Whoever requested a job may not decide for it; ask somebody else.",
            code="REQUESTER_MAY_NOT_DECIDE",
        )
