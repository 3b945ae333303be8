"""What a shell completes that only the instance knows. Where nothing answers at once, nothing is completed."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import typer

from aetheris.cli.door import REQUESTER, Door
from aetheris.cli.place import find
from aetheris.services import ServiceError
from aetheris.services.folder import HERE

ANSWER_SECONDS = 2.0
HARMLESS = re.compile(r"[\w.:-]+")
"""Shells evaluate what is completed."""
Completed = Callable[[typer.Context, str], list[str]]


def _listed(what: str, **query: str) -> Completed:
    """The ids of a list of REST, as whoever the options before it name may see them."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        given = context.params
        with contextlib.suppress(ServiceError, OSError):
            place = find(Path(given.get("data") or HERE), given.get("url") or "")
            door = Door(place, given.get("who") or REQUESTER, given.get("token") or "", ANSWER_SECONDS)
            known = (str(each["id"]) for each in door.get(what, **query)[what])
            return [name for name in known if name.startswith(incomplete) and HARMLESS.fullmatch(name)]
        return []

    return complete


agents = _listed("agents")
jobs = _listed("jobs")
approvals = _listed("approvals", status="pending")
