"""The decision records are short, whole, and name every dependency."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.reading import DOCS, ROOT

RECORDS = sorted((DOCS / "adr").glob("*.md"))
PARTS = ["## Context", "## Decision", "## Why", "## Rejected", "## Consequences"]


def dependencies() -> list[str]:
    """The distribution names in pyproject.toml, of every group and extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lists = [
        project["build-system"]["requires"],
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    return sorted({re.split(r"[\[<>=~ ]", requirement)[0] for listed in lists for requirement in listed})


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.name)
def test_a_record_is_short_and_whole(record: Path) -> None:
    lines = record.read_text().splitlines()
    assert len(lines) <= 40
    assert re.fullmatch(rf"# {record.name[:4]}\. .+", lines[0])
    assert [line for line in lines if line.startswith("## ")] == PARTS


def test_records_are_numbered_without_gaps() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("name", dependencies())
def test_each_dependency_is_decided_in_a_record(name: str) -> None:
    assert any(f"`{name}`" in record.read_text() for record in RECORDS), f"no record names `{name}`"
