"""Every Python block of the documentation runs as it stands, and so does every test in it."""

import inspect
import re
from collections.abc import Iterator
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
