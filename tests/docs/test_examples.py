"""Every Python block of the documentation runs as it stands, and so does every test in it. Every block of a shell, of
JSON and of TOML can be read; test_shell.py runs those of a shell."""

import inspect
import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aetheris.core import registry
from tests.docs.reading import blocks, named, pages

BLOCKS = [(page, line, text) for page in pages() for line, text in blocks(page, "python")]
RUNS = [
    pytest.param(*block, test, id=f"{named(block[0])}:{block[1]} {test}".strip())
    for block in BLOCKS
    for test in re.findall(r"^def (test_\w+)", block[2], re.MULTILINE) or [""]
]
SHOWN = {
    "": "output or a formula",
    "text": "output",
    "mermaid": "a diagram",
    "yaml": "a piece of a manifest",
    "dockerfile": "a piece of an image, which takes an engine to build",
    "py": "lines of another project, which tests/cli/test_init.py adds to one",
    "sql": "statements for another cluster, which tests/ops/test_backup.py sends to one",
}
"""Blocks that nothing runs or reads, and why."""


def parsed_by_bash(text: str) -> None:
    subprocess.run(["bash", "-n"], input=text, text=True, check=True, capture_output=True)


READERS: dict[str, Callable[[str], object]] = {"sh": parsed_by_bash, "json": json.loads, "toml": tomllib.loads}
READ = [
    pytest.param(language, text, id=f"{named(page)}:{line} {language}")
    for page in pages()
    for language in READERS
    for line, text in blocks(page, language)
]
KINDS: tuple[registry.Registry[Any], ...] = (registry.agents, registry.tools, registry.functions, registry.models)


@pytest.fixture
def clean_registry() -> Iterator[None]:
    """A block registers what it likes."""
    with ExitStack() as emptied:
        for kind in KINDS:
            emptied.enter_context(kind.emptied())
        yield


def test_there_are_examples() -> None:
    assert len(BLOCKS) >= 4


@pytest.mark.usefixtures("clean_registry")
@pytest.mark.parametrize(("page", "line", "text", "test"), RUNS)
def test_block_runs(page: Path, line: int, text: str, test: str, request: pytest.FixtureRequest) -> None:
    defined: dict[str, Any] = {"__name__": f"example_{line}"}
    exec(compile("\n" * (line - 1) + text, str(page), "exec"), defined)  # noqa: S102
    if test:
        names = inspect.signature(defined[test]).parameters
        defined[test](*(request.getfixturevalue(name) for name in names))


@pytest.mark.parametrize(("language", "text"), READ)
def test_block_can_be_read(language: str, text: str) -> None:
    READERS[language](text)


@pytest.mark.parametrize("page", pages(), ids=named)
def test_nothing_looks_like_an_example_that_is_none(page: Path) -> None:
    languages = set(re.findall(r"^```(\w*)\n.*?^```$", page.read_text(), re.MULTILINE | re.DOTALL))
    assert languages <= {"python", *READERS, *SHOWN}
