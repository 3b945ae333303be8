"""What others have written, as a terminal may show it."""

from typing import Any

KEPT = "\n\t"


def harmless(value: Any) -> Any:
    """The same value with each character that a terminal would obey instead of show written as its escape: nobody who
    decides is to be shown something else than what he decides about."""
    if isinstance(value, str):
        return value if value.isprintable() else "".join(map(_written, value))
    if isinstance(value, list):
        return [harmless(each) for each in value]
    if isinstance(value, dict):
        return {harmless(name): harmless(each) for name, each in value.items()}
    return value


def _written(character: str) -> str:
    shown = character.isprintable() or character in KEPT
    return character if shown else character.encode("unicode_escape").decode()
