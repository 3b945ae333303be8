"""What a project says of itself in its `pyproject.toml`, under `[tool.aetheris]`."""

import tomllib
from pathlib import Path

from aetheris.services.errors import ServiceError

OWN_SETTINGS = "aetheris.settings"


def settings_module(folder: Path) -> str:
    """The Django settings that the project in this folder names, else the runtime's own. Raises `ServiceError`."""
    page = folder / "pyproject.toml"
    try:
        named = tomllib.loads(page.read_text()).get("tool", {}).get("aetheris", {}).get("settings", OWN_SETTINGS)
    except FileNotFoundError:
        return OWN_SETTINGS
    except ValueError as error:
        raise ServiceError(f"{page} cannot be read: {error}.", "Mend that line.") from error
    if not isinstance(named, str):
        raise ServiceError(f'{page}: `settings` of [tool.aetheris] is a name, like "shop.settings".', "Mend it.")
    return named
