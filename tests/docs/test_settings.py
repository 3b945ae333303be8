"""docs/settings.md lists every field of the configuration with its default."""

from aetheris.conf import Configuration
from tests.docs.reading import read, rows, section, spans

LISTED = {spans(row[0])[0]: row for row in rows(section(read("settings.md"), "## The runtime"))}


def shown(default: object) -> str:
    """A default as the page writes it."""
    return "–" if default in ("", None) else f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_every_setting_is_listed_with_its_default() -> None:
    fields = Configuration.model_fields.items()
    expected = {f"AETHERIS_{name.upper()}": shown(field.default) for name, field in fields}
    assert {name: row[1] for name, row in LISTED.items()} == expected


def test_every_setting_is_explained() -> None:
    assert all(len(row[2]) > 10 for row in LISTED.values())
