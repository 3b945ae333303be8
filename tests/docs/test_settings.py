"""docs/settings.md lists every field of the configuration with its default, and whatever else is read."""

import re

from aetheris.conf import Configuration
from tests.docs.reading import ROOT, read, rows, section, source, spans

PAGE = read("settings.md")
OTHERS = {spans(row[0])[0] for row in rows(section(PAGE, "## Others"))}
LISTED = {spans(row[0])[0]: row for row in rows(section(PAGE, "## The runtime"))}


def shown(default: object) -> str:
    """A default as the page writes it."""
    return "–" if default in ("", None) else f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_every_setting_is_listed_with_its_default() -> None:
    fields = Configuration.model_fields.items()
    expected = {f"AETHERIS_{name.upper()}": shown(field.default) for name, field in fields}
    assert {name: row[1] for name, row in LISTED.items()} == expected


def test_every_setting_is_explained() -> None:
    assert all(len(row[2]) > 10 for row in LISTED.values())


def test_every_variable_that_is_read_anywhere_is_listed() -> None:
    read_here = {
        name for path, _ in source() for name in re.findall(r"\bAETHERIS_[A-Z_]*[A-Z]\b", (ROOT / path).read_text())
    }
    assert read_here <= LISTED.keys() | OTHERS
    assert OTHERS & LISTED.keys() == set()
