"""What asking a provider can find out about an effect in doubt: the answers of a tool's `reconcile` hook."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Happened:
    """The effect took place; `result` is what the tool would have returned."""

    result: Any


@dataclass(frozen=True)
class DidNotHappen:
    """The provider knows of no such effect. Believed only once nothing that was sent can take effect any more."""


@dataclass(frozen=True)
class Undecided:
    """The provider cannot say now; it is asked again."""

    reason: str = ""


Finding = Happened | DidNotHappen | Undecided
