"""Steps: ordinary code whose every touch of the world is an effect of its own, recorded, and not repeated.

A step may be run again from its beginning by any worker at any time: what it did before is given back from the ledger
in the same order, and it goes on where it was. So it reads no clock, draws no random number and calls nothing but
through its `ctx`.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from aetheris.core.errors import AetherisError
from aetheris.core.handlers import Tool

NAME = re.compile(r"[A-Za-z_-][A-Za-z0-9_-]{0,63}")


class Suspended(BaseException):
    """Ends the run of a step whose outcome stands already: an effect in doubt, a retry, a stop. Never catch it."""


class EffectMisnamed(AetherisError):
    """An effect of a step has no name that is the same in every run."""

    code = "EFFECT_MISNAMED"


@dataclass(frozen=True)
class Fetched:
    """What a GET answered."""

    status: int
    text: str


class Effects(Protocol):
    """Who performs and records the effects of one run of a step."""

    def call(self, place: str, tool: Tool, arguments: Mapping[str, Any]) -> Any: ...

    def llm(self, place: str, arguments: dict[str, Any]) -> Any: ...

    def fetch(self, place: str, url: str, headers: Mapping[str, str]) -> Fetched: ...

    def now(self, place: str) -> datetime: ...

    def random(self, place: str) -> float: ...

    def uuid(self, place: str) -> UUID: ...


class StepContext:
    """Given to a step. An effect is known by its turn: the first is 1. `named` gives one a name instead, which
    effects that run at once in several threads must have."""

    def __init__(self, effects: Effects, name: str = "") -> None:
        self._effects = effects
        self._name = name
        self._turn = 0
        self._owner = threading.get_ident()

    def named(self, name: str) -> "StepContext":
        """The same, for one effect that is known by this name. Raises `EffectMisnamed`."""
        if not NAME.fullmatch(name):
            raise EffectMisnamed(f"{name!r} is no name of an effect: letters, digits, '_' or '-', no digit first.")
        return StepContext(self._effects, name)

    def call(self, tool: Tool, /, **arguments: Any) -> Any:
        """Call a tool of the agent. Raises `ToolError` when it says that nothing happened."""
        return self._effects.call(self._place(), tool, arguments)

    def llm(
        self,
        prompt: str,
        *,
        inputs: dict[str, Any] | None = None,
        answer: dict[str, Any] | None = None,
        model: str = "",
        temperature: float = 0.0,
    ) -> Any:
        """Ask a model once; as `TaskGraph.llm`."""
        arguments = {
            "prompt": prompt,
            "inputs": inputs or {},
            "answer": answer,
            "model": model,
            "temperature": temperature,
        }
        return self._effects.llm(self._place(), arguments)

    def fetch(self, url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        """GET an address; what changes something, or needs a secret, is a tool's work."""
        return self._effects.fetch(self._place(), url, headers or {})

    def now(self) -> datetime:
        """The time at which this place was first reached, UTC, by the clock of the database."""
        return self._effects.now(self._place())

    def random(self) -> float:
        """A number from 0 to less than 1, drawn once for this place."""
        return self._effects.random(self._place())

    def uuid(self) -> UUID:
        """An id, made once for this place."""
        return self._effects.uuid(self._place())

    def _place(self) -> str:
        if self._name:
            return self._name
        if threading.get_ident() != self._owner:
            raise EffectMisnamed("Effects of several threads have no order: give each a name, ctx.named('…').call(…).")
        self._turn += 1
        return str(self._turn)
