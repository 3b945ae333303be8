"""The shape of a kind, and what passes between claim, run and commit."""

from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from aetheris.core.canonical import dumps, dumps_escaped, loads
from aetheris.core.context import StopRequest
from aetheris.core.errors import NotCanonical
from aetheris.core.outcomes import Done, Fail, Outcome
from aetheris.core.references import references, resolve, source_of
from jobs.models import Body, Job, Node
from ledger.entries import Intent


@dataclass(frozen=True)
class Prepared:
    """A node that may run: its checked arguments as canonical text, its time limit in seconds, its effect."""

    arguments: str
    timeout: float
    intent: Intent | None = None


@dataclass(frozen=True)
class Claimed:
    """A node that this worker holds. `token` fences its commit; no call may begin after `send_until`,
    on this process's monotonic clock. `activation` goes on to the node that is claimed next.

    `recorded` is what the ledger says when the effect already happened: then nothing is called.
    """

    job: Job
    path: str
    type: str
    queue: str
    activation: UUID
    token: UUID
    prepared: Prepared
    settings: dict[str, Any]
    idempotency_key: str = ""
    attempt: int = 0
    send_until: float = 0.0
    recorded: Outcome | None = None

    @property
    def step_id(self) -> str:
        """The effect that the node has, or "" when it has none."""
        return self.prepared.intent.step_id if self.prepared.intent else ""


class Kind(Protocol):
    """One node type."""

    def is_here(self, job: Job, node: Node) -> bool:
        """Whether this process has the code for the node."""
        ...

    def prepare(self, job: Job, node: Node) -> Prepared:
        """Resolve and check the node's arguments. Raises `AetherisError` when they can never be right."""
        ...

    def call(self, claimed: Claimed, stop: StopRequest) -> Outcome:
        """Run it. Raises nothing: every exception becomes an outcome."""
        ...

    def output(self, result: str) -> str:
        """What successors read, from the result that the ledger keeps; both canonical text."""
        ...


def time_limit(node: Node, default: float) -> float:
    """Seconds that one try of a node may take: what its options say, else the default."""
    return float(node.options.get("timeout") or default)


def done(result: Any) -> Outcome:
    """The outcome for a result that has arrived: recorded whatever it holds, used only if it has a canonical form."""
    try:
        return Done(dumps(result))
    except NotCanonical as error:
        return Fail("RESULT_NOT_CANONICAL", error.message, result=dumps_escaped(result))


def resolved_arguments(node: Node) -> Any:
    """The arguments of a node's configuration with every reference replaced. Raises `ReferenceMissing`."""
    arguments: Any = node.settings["arguments"]
    sources = {source_of(reference) for reference in references(arguments)}
    prefix = f"{node.scope}/" if node.scope else ""
    outputs = Node.objects.outputs(node.job_id, [prefix + key for key in sources]) if sources else {}
    texts = Body.objects.texts(node.job_id, outputs.values())
    return resolve(arguments, {path.removeprefix(prefix): loads(texts[form]) for path, form in outputs.items()})
