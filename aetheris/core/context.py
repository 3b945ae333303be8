"""What user code is handed: `ctx`, the first argument of everything that touches the world."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class PlanContext:
    """Given to `Agent.plan`. A plan is made once and recorded, so it may use ids and randomness of its own."""

    job_id: UUID
    tenant: str


@dataclass(frozen=True)
class ToolContext:
    """Given to a tool. `idempotency_key` stays the same over every crash and every further send of one effect."""

    job_id: UUID
    tenant: str
    node: str
    idempotency_key: str
    attempt: int
    timeout: float
