"""docs/settings.md lists every field of the configuration with its default, and whatever else is read."""

import ast
import re
from collections.abc import Iterator

from aetheris.conf import Configuration
from tests.docs.reading import ROOT, read, rows, section, source, spans

PAGE = read("settings.md")
OTHERS = {spans(row[0])[0] for row in rows(section(PAGE, "## Others"))}
LISTED = {spans(row[0])[0]: row for row in rows(section(PAGE, "## The runtime"))}


def read_by(tree: ast.Module) -> Iterator[str]:
    """Each name that a module takes from an environment: `environ["…"]`, `environ.get("…")`, `"…" in environ`."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=place, slice=ast.Constant(value=str(name)), ctx=ast.Load()) if _environ(place):
                yield name
            case ast.Call(func=ast.Attribute(value=place), args=[ast.Constant(value=str(name)), *_]) if _environ(place):
                yield name
            case ast.Compare(left=ast.Constant(value=str(name)), comparators=[place]) if _environ(place):
                yield name


def _environ(place: ast.expr) -> bool:
    return ast.unparse(place).endswith("environ")


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


def test_what_others_have_named_and_we_read_is_listed() -> None:
    found = {name for path, tree in source() if "testing" not in path.parts for name in read_by(tree)}
    assert {"AETHERIS_DATA", "DJANGO_SETTINGS_MODULE", "OPENAI_API_KEY"} <= found, "the test sees what is read"
    assert found <= LISTED.keys() | OTHERS
