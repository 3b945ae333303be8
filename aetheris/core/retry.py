"""How often and how late a node is tried again: exponential back-off with jitter, as data in the plan."""

from dataclasses import asdict, dataclass
from typing import Any

from aetheris.core.errors import GraphError
from aetheris.core.ids import random_fraction

MOST_TRIES = 100
LONGEST_SECONDS = 86400.0


@dataclass(frozen=True)
class RetryPolicy:
    """At most `max_tries` tries; before try n + 1 a pause of `first_seconds` × `factor`ⁿ⁻¹, no more than
    `longest_seconds`, shortened by up to the share `jitter` of itself."""

    max_tries: int = 3
    first_seconds: float = 1.0
    factor: float = 2.0
    longest_seconds: float = 30.0
    jitter: float = 0.1

    def check(self) -> None:
        """Raise `GraphError` (`RETRY_POLICY_INVALID`) for a policy that is none."""
        sound = (
            1 <= self.max_tries <= MOST_TRIES
            and 0 < self.first_seconds <= self.longest_seconds <= LONGEST_SECONDS
            and 1 <= self.factor <= 100
            and 0 <= self.jitter < 1
        )
        if not sound:
            raise GraphError(
                f"A retry policy has 1 to {MOST_TRIES} tries, 0 < first_seconds ≤ longest_seconds ≤ "
                f"{LONGEST_SECONDS:.0f}, factor from 1 to 100 and jitter from 0 to below 1.",
                code="RETRY_POLICY_INVALID",
            )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def delay_seconds(self, tries: int) -> float | None:
        """Seconds until the next try after `tries` tries (1, 2, …); None when they are spent."""
        if tries >= self.max_tries:
            return None
        # The exponent is bounded, so that no policy overflows a float.
        pause = min(self.first_seconds * self.factor ** min(tries - 1, 64), self.longest_seconds)
        return pause * (1 - self.jitter * random_fraction())
