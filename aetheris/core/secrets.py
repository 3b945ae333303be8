"""Secrets by reference: code names one, the value is read when it is used, and what is recorded never holds it."""

import json
import os
import re
from pathlib import Path
from typing import Any

from aetheris.core.canonical import dumps_escaped, loads
from aetheris.core.errors import AetherisError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
FOLDER = "AETHERIS_SECRETS_FOLDER"
VARIABLE = "AETHERIS_SECRET_"


class SecretMissing(AetherisError):
    """No secret of this name is set where this process runs."""

    code = "SECRET_NOT_FOUND"


class Secrets:
    """The secrets that one call was given, so that they can be taken out of what it answers."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def read(self, name: str) -> str:
        """The secret's value: the file of this name in `AETHERIS_SECRETS_FOLDER`, else the environment variable
        `AETHERIS_SECRET_<NAME>`. Raises `SecretMissing`, which never holds a value."""
        if not NAME.fullmatch(name):
            raise SecretMissing(f"{name!r} is no name of a secret: letters, digits and '_', a letter first.")
        value = _from_folder(name) or os.environ.get(VARIABLE + name.upper(), "")
        if not value:
            raise SecretMissing(
                f"There is no secret {name}. Put it into the folder of {FOLDER}, or set {VARIABLE}{name.upper()}."
            )
        self._given[name] = value
        return value

    def taken_out(self, text: str) -> str:
        """The text with every given value, plain or as JSON has it, replaced by `[secret <name>]`."""
        for name, value in self._given.items():
            for form in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
                text = text.replace(form, f"[secret {name}]")
        return text

    def taken_out_of_json(self, text: str) -> str:
        """The same for a canonical text, which stays one: a number that holds a given value becomes a text."""
        return dumps_escaped(self._taken_out(loads(text))) if self._given else text

    def _taken_out(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.taken_out(key): self._taken_out(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._taken_out(item) for item in value]
        if isinstance(value, str):
            return self.taken_out(value)
        without = self.taken_out(json.dumps(value))
        return value if without == json.dumps(value) else without


def _from_folder(name: str) -> str:
    folder = os.environ.get(FOLDER, "")
    path = Path(folder) / name
    return path.read_text().strip() if folder and path.is_file() else ""
