"""The one order of all events in which nothing that is committed later can stand before what was read earlier."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from aetheris.core.errors import Refused

if TYPE_CHECKING:
    from ledger.models import Event

NOBODY = UUID(int=0)


@dataclass(frozen=True)
class Place:
    """A place in that order: behind all events that were placed before `horizon`, and, there, behind one of a job."""

    PATTERN: ClassVar = r"^[0-9]{1,18}(-[0-9a-f]{32}-[0-9]{1,18})?$"

    horizon: int
    job_id: UUID = NOBODY
    seq: int = 0

    @classmethod
    def of(cls, event: "Event") -> "Place":
        """Behind this event."""
        return cls(event.placed, event.job_id, event.seq)

    def __str__(self) -> str:
        return str(self.horizon) if self.job_id == NOBODY else f"{self.horizon}-{self.job_id.hex}-{self.seq}"


def place_in(text: str) -> Place:
    """Raises `Refused` (`INVALID_CURSOR`) for what is none."""
    if not re.fullmatch(Place.PATTERN, text):
        raise Refused("This is no cursor of a stream of all events.", code="INVALID_CURSOR")
    horizon, _, rest = text.partition("-")
    job_id, _, seq = rest.partition("-")
    return Place(int(horizon), UUID(job_id), int(seq)) if rest else Place(int(horizon))
