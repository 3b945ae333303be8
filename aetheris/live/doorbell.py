"""What is announced of a job, and where on Redis."""

from dataclasses import dataclass
from uuid import UUID

_PREFIX = "aetheris:live"
_ENDED = " ended"


@dataclass(frozen=True)
class Doorbell:
    """A job has events up to `seq`, and has `ended` or not. One that was lost costs its hearers seconds, no event."""

    seq: int
    ended: bool

    def __str__(self) -> str:
        return f"{self.seq}{_ENDED if self.ended else ''}"


def read(text: str) -> Doorbell:
    """Raises `ValueError` for what is none."""
    return Doorbell(int(text.removesuffix(_ENDED)), text.endswith(_ENDED))


def channel_of(tenant: str, job_id: UUID) -> str:
    """Where the doorbells of one job ring."""
    return f"{_PREFIX}:{tenant}:{job_id}"


def channels_of(tenant: str) -> str:
    """The pattern of all channels of a tenant."""
    return f"{_PREFIX}:{tenant}:*"


def job_in(channel: str) -> UUID | None:
    """The one job whose channel this is, if it is one's."""
    name = channel.rpartition(":")[2]
    return None if name == "*" else UUID(name)
