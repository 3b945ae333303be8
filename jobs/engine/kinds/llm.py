"""LLM nodes: one question to a model, recorded, never asked again on replay."""

import hashlib
import json
from typing import Any

from aetheris.conf import configuration
from aetheris.core import registry
from aetheris.core.answers import misfit
from aetheris.core.canonical import digest, dumps, dumps_around, dumps_escaped, loads
from aetheris.core.context import StopRequest
from aetheris.core.errors import AetherisError, described
from aetheris.core.handlers import Effect, ModelRequest
from aetheris.core.outcomes import Doubt, Fail, Outcome
from jobs.engine import gateway
from jobs.engine.kinds.base import Claimed, Prepared, done, resolved_arguments, time_limit
from jobs.engine.rows import Rows
from jobs.models import Job, Node
from ledger.entries import Intent
from ledger.states import EntryKind


def is_here(job: Job, node: Node) -> bool:
    return _provider(node.settings["arguments"])[0] in registry.models


def prepare(rows: Rows, node: Node) -> Prepared:
    settings = node.settings
    text = dumps_around(resolved_arguments(rows, node, settings["arguments"]))
    timeout = time_limit(settings, configuration().node_timeout_seconds)
    return Prepared(text, timeout, intent(node.path, text, timeout))


def intent(step_id: str, arguments: str, timeout: float) -> Intent:
    """What asking a model here, with these canonical arguments, is about to do."""
    provider, model = _provider(loads(arguments))
    return Intent(
        step_id=step_id,
        kind=EntryKind.LLM,
        effect=Effect.READ,
        tool=provider,
        tool_version=model,
        arguments_digest=digest(arguments),
        timeout=timeout,
        window=timeout,
        settle=0.0,
    )


def call(claimed: Claimed, stop: StopRequest) -> Outcome:
    return complete(claimed.prepared.arguments, claimed.prepared.timeout)


def complete(text: str, timeout: float) -> Outcome:
    """Ask the model that these canonical arguments name. Raises nothing."""
    arguments = loads(text)
    provider, model = _provider(arguments)
    request = ModelRequest(
        model=model,
        prompt=arguments["prompt"],
        inputs=arguments["inputs"],
        answer=arguments["answer"],
        temperature=arguments["temperature"],
        timeout=timeout,
    )
    try:
        answer = gateway.ask_model(registry.models.get(provider), request)
    except Exception as error:
        return Doubt("MODEL_IN_DOUBT", described(error))
    result = {
        "text": answer.text,
        "llm_provider": provider,
        "llm_model": answer.model,
        "llm_temperature": request.temperature,
        "prompt_hash": hashlib.sha256(text.encode()).hexdigest(),
        "token_count": {"prompt": answer.prompt_tokens, "completion": answer.completion_tokens},
    }
    try:
        result["answer"] = read_answer(answer.text, request.answer)
    except AetherisError as error:
        return Fail(error.code, error.message, result=dumps_escaped(result))
    return done(result)


def read_answer(text: str, schema: dict[str, Any] | None) -> Any:
    """The model's answer as data. Without a schema it is `{"text": …}`; raises `MODEL_ANSWER_INVALID`."""
    if schema is None:
        return {"text": text}
    try:
        answer = loads(dumps(json.loads(text)))
    except (TypeError, ValueError, RecursionError, AetherisError) as error:
        raise AetherisError(
            f"The model's answer is no JSON: {described(error)}", code="MODEL_ANSWER_INVALID"
        ) from error
    if reason := misfit(answer, schema):
        raise AetherisError(f"The model's answer does not fit: {reason}", code="MODEL_ANSWER_INVALID")
    return answer


def _provider(arguments: Any) -> tuple[str, str]:
    provider, _, model = str(arguments["model"]).partition(":")
    return provider, model
