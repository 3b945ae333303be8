"""What user code is handed: `ctx`, the first argument of everything that touches the world."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from aetheris.core.errors import NotApplied, Stopped
from aetheris.core.secrets import Secrets

if TYPE_CHECKING:
    from aetheris.core.egress import Egress


@dataclass(frozen=True)
class PlanContext:
    """Given to `Agent.plan`. A plan is made once and recorded, so it may use ids and randomness of its own."""

    job_id: UUID
    tenant: str


class StopRequest:
    """Whether a running node should stop, and why: "" (go on), `cancelled`, `failed` (its job), `deadline` (its own
    time is over) or `lost` (another worker has it now)."""

    def __init__(self) -> None:
        self.reason = ""


@dataclass(frozen=True)
class ToolContext:
    """Given to a tool and to its hooks. `idempotency_key` stays the same over every crash and every further send of
    one effect; `send_until` is the last moment to send, in this process's uptime; `timeout` is in seconds."""

    job_id: UUID
    tenant: str
    node: str
    idempotency_key: str
    attempt: int
    timeout: float
    send_until: float = math.inf
    stop: StopRequest = field(default_factory=StopRequest)
    secrets: Secrets = field(default_factory=Secrets, repr=False)

    @cached_property
    def http(self) -> "Egress":
        """An HTTP client that begins no request after the time to send."""
        from aetheris.core.egress import Egress  # httpx takes long to import, and not every tool uses it

        return Egress(self.send_until)

    def secret(self, name: str) -> str:
        """A secret's value; what is recorded of this call never holds it. Raises `SecretMissing`."""
        return self.secrets.read(name)

    @property
    def stopping(self) -> str:
        """Why this node should stop now, or "". Looked at about once a second; a long tool asks for it."""
        return self.stop.reason

    def check_stop(self) -> None:
        """Raise `Stopped` when this node should stop, or `NotApplied` when only its own time is over. Call it only
        while nothing has happened outside yet."""
        if self.stop.reason == "deadline":
            raise NotApplied("The node's time was over before anything happened.", code="NODE_DEADLINE")
        if self.stop.reason:
            raise Stopped(f"The node was asked to stop: {self.stop.reason}.", details={"reason": self.stop.reason})
