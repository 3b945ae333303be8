"""What running a node may end in. The engine's verbs turn an outcome into rows and events; nothing else does."""

from dataclasses import dataclass

from aetheris.core.graph import TaskGraph


@dataclass(frozen=True)
class Done:
    """The node's work is done; `result` is canonical text."""

    result: str


@dataclass(frozen=True)
class Fail:
    """The node cannot succeed. Without `result` it is certain that its effect did not happen; with one, canonical
    text, the effect happened, but its result cannot be used. `again`: policy may try it as a new attempt;
    `critical`: no error edge leads on, the job starts nothing more."""

    code: str
    message: str
    result: str | None = None
    again: bool = False
    critical: bool = False


@dataclass(frozen=True)
class Doubt:
    """The call ended without an answer that can be read: whether anything happened outside is not known."""

    code: str
    message: str


@dataclass(frozen=True)
class Expand:
    """The node answers with a graph. Only node zero, `plan`, does so."""

    graph: TaskGraph


Outcome = Done | Fail | Doubt | Expand
