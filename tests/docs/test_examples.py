"""Every Python block of the documentation runs as it stands."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aetheris.core import registry
from tests.docs.reading import blocks, named, pages

BLOCKS = [
    pytest.param(page, line, text, id=f"{named(page)}:{line}")
    for page in pages()
    for line, text in blocks(page, "python")
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
@pytest.mark.parametrize(("page", "line", "text"), BLOCKS)
def test_block_runs(page: Path, line: int, text: str) -> None:
    exec(compile("\n" * (line - 1) + text, str(page), "exec"), {"__name__": f"example_{line}"})  # noqa: S102
