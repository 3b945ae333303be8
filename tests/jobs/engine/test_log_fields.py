"""A line of the log says which job it is about, whoever writes it."""

import json
import logging
import os
import subprocess
import sys

import pytest

from aetheris.core.context import ToolContext
from aetheris.core.graph import TaskGraph
from aetheris.core.handlers import Tool
from aetheris.core.log_fields import Filter, JsonLines, about
from aetheris.testing.registering import Registered
from tests.docs.reading import ROOT
from tests.world import Doorbells, World, submitted

logger = logging.getLogger("mine")


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_tool_writes_about_its_job(
    registered: Registered, world: World, doorbells: Doorbells, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    def write(ctx: ToolContext, value: int) -> int:
        logger.warning("I write")
        return value

    async def write_async(ctx: ToolContext, value: int) -> int:
        return write(ctx, value)

    declared = declare(write if kind == "sync" else write_async)

    def plan() -> TaskGraph:
        graph = TaskGraph()
        graph.tool("write", declared, value=1)
        return graph

    caplog.handler.addFilter(Filter())
    registered.agent(plan, declared)
    job = submitted()
    doorbells.drain()
    (line,) = (record for record in caplog.records if record.name == "mine")
    told = json.loads(JsonLines().format(line))
    assert (told["tenant"], told["job_id"], told["node"]) == ("default", str(job.pk), "write")
    assert "request_id" not in told


def declare(call: object) -> Tool:
    from aetheris import tool

    declared = tool(effect="read")(call)  # type: ignore[arg-type]
    assert isinstance(declared, Tool)
    return declared


def test_a_line_is_about_nothing_once_it_is_over() -> None:
    record = logging.LogRecord("mine", logging.INFO, "", 0, "text", (), None)
    with about(job_id="1"), about(node="pay"):
        pass
    Filter().filter(record)
    assert (record.about, record.job_id, record.node) == ("-", "-", "-")  # type: ignore[attr-defined]


def said(level: str, form: str) -> "subprocess.CompletedProcess[str]":
    """What a process of these settings writes that meets an error of two lines."""
    code = """
import django; django.setup()
import logging
from aetheris.core.log_fields import about
with about(job_id="7", node="pay"):
    logging.getLogger("mine").info("never mind")
    try:
        raise ValueError("one\\ntwo")
    except ValueError:
        logging.getLogger("mine").exception("it\\nfailed")
"""
    environ = {**os.environ, "AETHERIS_LOG_LEVEL": level, "AETHERIS_LOG_FORMAT": form}
    environ["DJANGO_SETTINGS_MODULE"] = "aetheris.settings"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True)


def test_in_production_a_line_is_one_object() -> None:
    first, second = (json.loads(line) for line in said("INFO", "json").stderr.splitlines())
    assert (first["message"], first["level"], first["logger"]) == ("never mind", "INFO", "mine")
    assert (second["message"], second["job_id"], second["node"]) == ("it\nfailed", "7", "pay")
    assert second["exception"].endswith("ValueError: one\ntwo")
    assert "tenant" not in second


def test_the_level_comes_from_the_environment() -> None:
    (line, *_) = said("ERROR", "line").stderr.splitlines()
    assert line.endswith("ERROR mine 7 pay it")


@pytest.mark.parametrize("settings", [("LOUD", "line"), ("INFO", "xml")])
def test_a_value_that_does_not_fit_is_named(settings: tuple[str, str]) -> None:
    process = said(*settings)
    assert process.returncode != 0
    assert "log_level" in process.stderr or "log_format" in process.stderr
