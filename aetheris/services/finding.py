"""What a check of an installation has found."""

from dataclasses import dataclass

OK, WARNING, WRONG = "ok", "warning", "wrong"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it is, and, unless it is well, how to mend it."""

    name: str
    state: str
    told: str
    remedy: str = ""


def judged(name: str, told: str, *, well: bool, remedy: str, otherwise: str = WRONG) -> Finding:
    """A finding that is well, or else needs its remedy."""
    return Finding(name, OK, told) if well else Finding(name, otherwise, told, remedy)
