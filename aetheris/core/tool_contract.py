"""A tool's contract: what it takes and returns, what it promises and what follows doubt, as data with digests."""

import inspect
from typing import Any

from aetheris.core.canonical import digest, dumps_escaped, loads
from aetheris.core.durations import written
from aetheris.core.handlers import Effect, Tool
from aetheris.core.recourse import Recourse, after_doubt

SCHEMAS = ("arguments_schema", "result_schema")


def contract(tool: Tool) -> dict[str, Any]:
    """All that a tool declares. `contract_sha256` covers everything else here, each digest the canonical JSON of what
    it is about; the same declaration has the same ones in every process."""
    declared: dict[str, Any] = {
        "name": tool.name,
        "version": tool.version,
        "description": (inspect.getdoc(tool.call) or "").partition("\n")[0],
        "effect": tool.effect,
        "after_doubt": doubt_in_words(tool),
        "window_seconds": tool.window if tool.effect is Effect.IDEMPOTENT else None,
        "timeout_seconds": tool.timeout,
        "settle_seconds": tool.settle,
        "queue": tool.queue,
        "hooks": sorted(name for name, hook in vars(tool.hooks).items() if hook is not None),
    }
    for name, schema in zip(SCHEMAS, (tool.signature.json_schema(), tool.signature.result_schema()), strict=True):
        declared |= {name: schema, name.replace("schema", "sha256"): _sha256(schema)}
    # What has no canonical form is told as the text that is digested.
    told = loads(dumps_escaped(declared))
    return {**{name: told[name] for name in declared}, "contract_sha256": _sha256(declared)}


def summary(tool: Tool) -> dict[str, Any]:
    """The contract without the schemas; their digests stay."""
    return {name: value for name, value in contract(tool).items() if name not in SCHEMAS}


def doubt_in_words(tool: Tool) -> str:
    """What follows when it is not known whether a call happened: while its key lasts, after that, and in the end."""
    can_ask = tool.hooks.reconcile is not None
    steps = [after_doubt({tool.effect}, shown=False, key_lasts=lasts, can_ask=can_ask) for lasts in (True, False)]
    keyed = f"sent again under the same key within {written(tool.window)}"
    words = {
        Recourse.SEND: keyed if tool.effect is Effect.IDEMPOTENT else "run again",
        Recourse.ASK: "asked",
        Recourse.SHOW: "shown as UNKNOWN",
    }
    last = words[Recourse.SHOW] if tool.effect.writes else "failed"
    return ", then ".join(dict.fromkeys([*(words[step] for step in steps), last]))


def _sha256(value: Any) -> str:
    return digest(dumps_escaped(value)).hex()
