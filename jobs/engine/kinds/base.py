"""The shape of a kind, and what passes between claim, run and commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from aetheris.core.canonical import dumps, dumps_escaped, loads
from aetheris.core.context import StopRequest, ToolContext
from aetheris.core.errors import NotCanonical
from aetheris.core.handlers import Effect
from aetheris.core.outcomes import Done, Fail, Outcome
from aetheris.core.references import references, resolve, source_of
from jobs.engine.rows import Rows
from jobs.models import Job, Node
from jobs.states import NodeType
from ledger.entries import Intent

COMPUTED = {NodeType.PLAN, NodeType.FUNCTION, NodeType.WORKFLOW}


@dataclass(frozen=True)
class Prepared:
    """A node that may run: its checked arguments as canonical text, its time limit in seconds, its effect."""

    arguments: str
    timeout: float
    intent: Intent | None = None

    @property
    def step_id(self) -> str:
        """The effect that the node has, or "" when it has none."""
        return self.intent.step_id if self.intent else ""


class Purpose(StrEnum):
    """Why a node is held that is not run itself."""

    ASK = "ask"
    """What became of an effect in doubt."""
    CHECK = "check"
    """Whether the world is still as an effect left it."""


@dataclass(frozen=True)
class Question:
    """What a tool is asked about an earlier effect before the node is run: its entry's step, attempt and key."""

    purpose: Purpose
    tool: str
    step_id: str
    attempt: int
    idempotency_key: str


class Claimed(NamedTuple):
    """A node that this worker holds. `token` fences its commit; no call may begin after `send_until`, in this
    process's uptime. `activation` goes on to the node that is claimed next.

    `recorded` is what the ledger says when the effect already happened: then nothing is called. With a `question`
    the node is not run now: a hook is asked. `values` are what a step has read from the runtime and nobody has
    recorded yet. By `pace_name` it is known how quickly such nodes run.
    """

    job: Job
    path: str
    type: str
    queue: str
    activation: UUID
    token: UUID
    prepared: Prepared
    settings: dict[str, Any]
    values: list[Any]
    pace_name: str
    idempotency_key: str = ""
    attempt: int = 0
    send_until: float = 0.0
    recorded: Outcome | None = None
    question: Question | None = None
    claims: int = 1

    @property
    def step_id(self) -> str:
        return self.prepared.step_id

    @property
    def is_transactional(self) -> bool:
        """Whether the node's effect is part of the transaction that records it."""
        return self.prepared.intent is not None and self.prepared.intent.effect is Effect.TRANSACTIONAL

    @property
    def records_by_itself(self) -> bool:
        """Whether the node's run changes the job before it ends."""
        return self.type == NodeType.STEP

    @property
    def only_computes(self) -> bool:
        """Whether the node waits for nothing outside."""
        return self.question is None and self.type in COMPUTED

    @property
    def function(self) -> str:
        """The function that the node computes, or ""."""
        return str(self.settings["function"]) if self.type == NodeType.FUNCTION else ""

    def context(self, stop: StopRequest) -> ToolContext:
        """What the called tool, or the hook that asks about it, is handed."""
        key, attempt = self.idempotency_key, self.attempt
        if self.question is not None:
            key, attempt = self.question.idempotency_key, self.question.attempt
        return ToolContext(
            job_id=self.job.pk,
            tenant=self.job.tenant,
            node=self.path,
            idempotency_key=key,
            attempt=attempt,
            timeout=self.prepared.timeout,
            send_until=self.send_until,
            stop=stop,
        )


class Kind(Protocol):
    """One node type."""

    def is_here(self, job: Job, node: Node) -> bool:
        """Whether this process has the code for the node."""
        ...

    def prepare(self, rows: Rows, node: Node) -> Prepared:
        """Resolve and check the node's arguments. Raises `AetherisError` when they can never be right."""
        ...

    def call(self, claimed: Claimed, stop: StopRequest) -> Outcome:
        """Run it. Raises nothing: every exception becomes an outcome."""
        ...


def time_limit(settings: Mapping[str, Any], default: float) -> float:
    """Seconds that one try of a node may take: what its options say, else the default."""
    return float(settings.get("options", {}).get("timeout") or default)


def done(result: Any) -> Outcome:
    """The outcome for a result that has arrived: recorded whatever it holds, used only if it has a canonical form."""
    try:
        return Done(dumps(result))
    except NotCanonical as error:
        return Fail("RESULT_NOT_CANONICAL", error.message, result=dumps_escaped(result))


def resolved_arguments(rows: Rows, node: Node, arguments: Any) -> Any:
    """Arguments out of a node's configuration, with every reference replaced. Raises `ReferenceMissing`."""
    sources = {source_of(reference) for reference in references(arguments)}
    if not sources:
        return arguments
    prefix = f"{node.scope}/" if node.scope else ""
    outputs = rows.outputs([prefix + key for key in sources])
    texts = rows.texts(outputs.values())
    return resolve(arguments, {path.removeprefix(prefix): loads(texts[form]) for path, form in outputs.items()})
