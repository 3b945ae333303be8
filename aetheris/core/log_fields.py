"""What a line of the log is about (request, tenant, job and node), and its form for people and for programs."""

import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType

from aetheris.core.within import Within

FIELDS = ("request_id", "tenant", "job_id", "node")

_current: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default=MappingProxyType({}))


def about(**fields: str) -> Within[Mapping[str, str]]:
    """Every line that is logged in here, also by a tool, and by what it awaits, has these fields."""
    return Within(_current, {**_current.get(), **fields})


class Filter(logging.Filter):
    """Gives each line its fields: `-` for what it is not about, and all that are known in `about`."""

    def filter(self, record: logging.LogRecord) -> bool:
        known = _current.get()
        for name in FIELDS:
            setattr(record, name, known.get(name, "-"))
        record.about = " ".join(known[name] for name in FIELDS if name in known) or "-"
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line, without fields of what the line is not about. A traceback is text in `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        about = {name: value for name in FIELDS if (value := getattr(record, name, "-")) != "-"}
        exception = {"exception": self.formatException(record.exc_info)} if record.exc_info else {}
        return json.dumps({**told, **about, **exception}, default=str)
