"""Function nodes: pure, so they open no ledger entry and may run again at any time."""

import logging

from aetheris.conf import configuration
from aetheris.core import registry
from aetheris.core.canonical import loads
from aetheris.core.context import StopRequest
from aetheris.core.contract import ContractViolated
from aetheris.core.errors import came_from, described
from aetheris.core.outcomes import Fail, Outcome
from jobs.engine.kinds.base import Claimed, Prepared, done, resolved_arguments, time_limit
from jobs.engine.rows import Rows
from jobs.models import Job, Node

logger = logging.getLogger(__name__)


def is_here(job: Job, node: Node) -> bool:
    return node.settings["function"] in registry.functions


def prepare(rows: Rows, node: Node) -> Prepared:
    settings = node.settings
    declared = registry.functions.get(str(settings["function"]))
    timeout = time_limit(settings, configuration().node_timeout_seconds)
    return Prepared(declared.signature.canonical(resolved_arguments(rows, node, settings["arguments"])), timeout)


def call(claimed: Claimed, stop: StopRequest) -> Outcome:
    declared = registry.functions.get(claimed.settings["function"])
    try:
        result = declared.call(**declared.signature.bind(loads(claimed.prepared.arguments)))
    except ContractViolated as error:
        return Fail(error.code, error.message)
    except Exception as error:
        logger.warning("%s: FUNCTION_FAILED\n%s", claimed.path, came_from(error))
        return Fail("FUNCTION_FAILED", described(error))
    if claimed.settings.get("decides") and not isinstance(result, bool):
        return Fail("CONDITION_NOT_BOOLEAN", f"{declared.name} decides over an edge: it must answer true or false.")
    return done(result)
