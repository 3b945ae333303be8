"""Step nodes: code with several effects. It runs from its beginning each time, and is given what it did before."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, NoReturn
from uuid import UUID

from django.db import connection

from aetheris.conf import configuration
from aetheris.core import contract, registry
from aetheris.core.canonical import digest, dumps, loads
from aetheris.core.context import StopRequest, ToolContext
from aetheris.core.errors import AetherisError, CriticalError, NotApplied, ToolError, came_from, described
from aetheris.core.handlers import Effect, Tool
from aetheris.core.ids import new_id, random_bytes
from aetheris.core.outcomes import Done, Doubt, Fail, Outcome
from aetheris.core.steps import EffectMisnamed, Fetched, StepContext, Suspended
from jobs.engine import effects, gateway
from jobs.engine.activation import Activation
from jobs.engine.effects import EffectDoubt, Lost, Opened, RunEnds, Value
from jobs.engine.kinds import llm, tool
from jobs.engine.kinds.base import Claimed, Prepared, done, resolved_arguments, time_limit
from jobs.engine.kinds.output import output_of
from jobs.engine.patience import until_answered
from jobs.engine.rows import Rows
from jobs.models import Body, Job, Node
from jobs.states import NodeType
from ledger.entries import Intent
from ledger.models import Entry
from ledger.states import EntryKind

logger = logging.getLogger(__name__)

FETCH_SECONDS = 30.0
RANDOM_BYTES = 7
"""56 bits: as many as a float keeps, and a few that are rounded away."""


def is_here(job: Job, node: Node) -> bool:
    return node.settings["step"] in registry.steps


def prepare(rows: Rows, node: Node) -> Prepared:
    settings = node.settings
    declared = registry.steps.get(str(settings["step"]))
    timeout = time_limit(settings, configuration().node_timeout_seconds)
    return Prepared(declared.signature.canonical(resolved_arguments(rows, node, settings["arguments"])), timeout)


def call(claimed: Claimed, stop: StopRequest) -> Outcome:
    declared = registry.steps.get(claimed.settings["step"])
    run = Run(claimed, stop)
    outcome: Outcome
    try:
        arguments = declared.signature.bind(loads(claimed.prepared.arguments))
        outcome = done(declared.signature.result(declared.call(StepContext(run), **arguments)))
    except Suspended:
        outcome = effects.LOST
    except NotApplied as error:
        outcome = Fail(error.code, described(error), again=True)
    except AetherisError as error:
        outcome = Fail(error.code, described(error), critical=isinstance(error, CriticalError))
    except Exception as error:
        logger.warning("%s: STEP_FAILED\n%s", claimed.path, came_from(error))
        outcome = Fail("STEP_FAILED", described(error))
    # What stands already stands, even if the step's code has caught its suspension.
    return run.ended or outcome


class Run:
    """One run of a step: performs its effects, and knows how it ended once it did."""

    def __init__(self, claimed: Claimed, stop: StopRequest) -> None:
        self.ended: Outcome | None = None
        self._claimed = claimed
        self._hand = Activation(claimed.job.pk, claimed.activation)
        self._stop = stop
        self._tools = registry.agents.get(claimed.job.agent.name).tools
        self._lock = threading.RLock()
        self._places: set[str] = set()

    def call(self, place: str, declared: Tool, arguments: Mapping[str, Any]) -> Any:
        if declared not in self._tools:
            raise AetherisError(f"{declared.name} is no tool of this job's agent.", code="TOOL_NOT_FOUND")
        if declared.effect is Effect.TRANSACTIONAL:
            raise AetherisError(
                f"{declared.name} is transactional: give it a node of its own.", code="EFFECT_NEEDS_ITS_NODE"
            )
        text = declared.signature.canonical(arguments)
        intent = tool.intent(declared, self._step_id(place), text, declared.timeout)

        def send(opened: Opened) -> Outcome:
            return gateway.call_tool(declared, text, self._context(intent, opened))

        return loads(self._perform(intent, text, send))

    def llm(self, place: str, arguments: dict[str, Any]) -> Any:
        text = dumps({**arguments, "model": arguments["model"] or configuration().model})
        timeout = configuration().node_timeout_seconds
        intent = llm.intent(self._step_id(place), text, timeout)
        return loads(output_of(NodeType.LLM, self._perform(intent, text, lambda _: llm.complete(text, timeout))))

    def fetch(self, place: str, url: str, headers: Mapping[str, str]) -> Fetched:
        text = dumps({"url": url, "headers": dict(headers)})
        intent = Intent(
            step_id=self._step_id(place),
            kind=EntryKind.HTTP,
            effect=Effect.READ,
            tool="http",
            tool_version="GET",
            arguments_digest=digest(text),
            timeout=FETCH_SECONDS,
            window=FETCH_SECONDS,
            settle=0.0,
        )

        def send(opened: Opened) -> Outcome:
            return gateway.fetch(url, headers, self._context(intent, opened))

        return Fetched(**loads(self._perform(intent, text, send)))

    def now(self, place: str) -> datetime:
        def asked() -> str:
            now: datetime = self._in_time(Job.objects.now)
            return now.isoformat()

        return datetime.fromisoformat(self._value(place, EntryKind.CLOCK, asked))

    def random(self, place: str) -> float:
        drawn = self._value(place, EntryKind.RANDOM, random_bytes(RANDOM_BYTES).hex)
        return float(int(drawn, 16) / 2 ** (8 * RANDOM_BYTES))

    def uuid(self, place: str) -> UUID:
        return UUID(self._value(place, EntryKind.UUID, lambda: str(new_id())))

    def _perform(self, intent: Intent, text: str, send: Callable[[Opened], Outcome]) -> str:
        """Have the effect once, or read what became of it; its result, canonical text."""
        self._check_running()
        opened = self._in_time(
            lambda: effects.open_effect(self._hand, self._claimed, intent, text, list(self._claimed.values))
        )
        outcome = opened.recorded
        if outcome is None:
            fact = send(opened)
            outcome = self._in_time(
                lambda: effects.settle_effect(self._hand, self._claimed, intent, opened.attempt, fact)
            )
        return self._result(outcome, intent, opened)

    def _result(self, outcome: Outcome, intent: Intent, opened: Opened) -> str:
        match outcome:
            case Done(result):
                return result
            case RunEnds() | EffectDoubt() | Lost():
                self._end(outcome)
            case Fail(code, message, result=None, again=False, critical=False):
                raise ToolError(message, code=code)
            case Doubt(code, message):
                self._end(EffectDoubt(code, message, intent.step_id, opened.attempt, intent))
            case _:
                self._end(outcome)

    def _value(self, place: str, kind: EntryKind, make: Callable[[], str]) -> str:
        """The recorded value of a place, or one that is made now and recorded with what comes next."""
        self._check_running()
        step_id = self._step_id(place)
        with self._lock:
            noted = next((value for value in self._claimed.values if value.step_id == step_id), None)
            if noted is None:
                earlier = self._earlier.get(step_id)
                if earlier is not None and earlier[0] != kind:
                    self._end(effects.NONDETERMINISTIC)
                noted = Value(step_id, kind, earlier[1] if earlier else dumps(make()))
                self._claimed.values.append(noted)
        return str(loads(noted.text))

    @cached_property
    def _earlier(self) -> dict[str, tuple[str, str]]:
        """Step id → kind and text of what earlier runs of this node recorded."""
        return self._in_time(self._recorded_before) if self._claimed.claims > 1 else {}

    def _recorded_before(self) -> dict[str, tuple[str, str]]:
        job_id = self._claimed.job.pk
        found = Entry.objects.of_nodes({(job_id, self._claimed.path)})
        texts = Body.objects.texts(job_id, [entry.result or "" for entry in found])
        return {entry.step_id: (entry.kind, texts[entry.result or ""]) for entry in found}

    def _context(self, intent: Intent, opened: Opened) -> ToolContext:
        return ToolContext(
            job_id=self._claimed.job.pk,
            tenant=self._claimed.job.tenant,
            node=self._claimed.path,
            idempotency_key=opened.idempotency_key,
            attempt=opened.attempt,
            timeout=intent.timeout,
            send_until=opened.send_until,
            stop=self._stop,
        )

    def _step_id(self, place: str) -> str:
        """The effect that this place is, once in a run: two calls under one name would be one effect, sent twice."""
        with self._lock:
            if place in self._places:
                raise EffectMisnamed(f"An effect of this run is called {place!r} already; give this one another name.")
            self._places.add(place)
        return f"{self._claimed.path}#{place}"

    def _in_time(self, send: Callable[[], Any]) -> Any:
        """What the database answers. When it cannot be told what happened, the run ends: the step's code must not
        take that for a failure of the effect, and do something else instead."""
        try:
            with self._lock, contract.opened():
                return until_answered(send, f"an effect of {self._claimed.path}")
        except Exception as error:
            self._end(Fail("EFFECT_NOT_RECORDED", described(error), again=True))
        finally:
            connection.close()

    def _check_running(self) -> None:
        if self.ended is not None:
            raise Suspended

    def _end(self, outcome: Outcome) -> NoReturn:
        """The first doubt stands; what went wrong beside it is met again when the step is run again."""
        with self._lock:
            if not isinstance(self.ended, EffectDoubt):
                self.ended = outcome
        raise Suspended
