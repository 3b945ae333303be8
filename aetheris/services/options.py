"""What `aetheris up` was asked for, and the environment that its processes get."""

import os
import re
import secrets
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

from aetheris.services.errors import ServiceError
from aetheris.services.folder import DataFolder, write_private
from aetheris.services.project import settings_module

OWN_NAMES = re.compile(r"postgres|valkey|initdb|migrate|logins|web|beat|supervisor|worker-\d+")


@dataclass(frozen=True)
class Options:
    """One instance's wishes."""

    data: str
    port: int = 8080
    workers: int = 2
    threads: int = 4
    apps: list[str] = field(default_factory=list)
    companions: dict[str, str] = field(default_factory=dict)


def parse_companions(listed: list[str]) -> dict[str, str]:
    """`NAME=COMMAND` pairs as commands by name."""
    companions: dict[str, str] = {}
    for pair in listed:
        name, equals, command = pair.partition("=")
        if not (equals and command.strip() and re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name)):
            raise ServiceError(f"--with {pair!r} is not NAME=COMMAND.", "Example: --with shop='python shop.py'.")
        if name in companions or OWN_NAMES.fullmatch(name):
            raise ServiceError(f"--with {pair!r}: the name {name} is taken.", "Choose another name.")
        companions[name] = command
    return companions


def check_apps(apps: list[str]) -> None:
    """Raises `ServiceError` for an app whose module cannot be found from here. Nothing of it is run."""
    for app in apps:
        if not _is_found(app):
            raise ServiceError(
                f"--app {app}: no such module from here.", "Name a package of this folder, or an installed one."
            )


def _is_found(app: str) -> bool:
    package, *parts = app.split(".")
    found = PathFinder.find_spec(package, [str(Path.cwd())]) or find_spec(package)
    for part in parts:
        # What follows a module that is no package is the name of a class in it.
        if found is None or found.submodule_search_locations is None:
            break
        found = PathFinder.find_spec(part, list(found.submodule_search_locations))
    return found is not None


def url_variable(companion: str) -> str:
    """The environment variable that tells every process where a companion answers."""
    return companion.upper().replace("-", "_") + "_URL"


def environment(options: Options, database_url: str, broker_url: str, companions: dict[str, str]) -> dict[str, str]:
    """What each process of the instance gets; `companions` are URLs by name."""
    folder = DataFolder(options.data)
    apps = dict.fromkeys([*os.environ.get("AETHERIS_APPS", "").split(","), *options.apps])
    return {
        "DJANGO_SETTINGS_MODULE": settings_module(Path.cwd()),
        "AETHERIS_SECRET_KEY": _secret_key(folder),
        # Logs are read to say why a process died: nothing may be left in a buffer then.
        "PYTHONUNBUFFERED": "1",
        **os.environ,
        "AETHERIS_DATA": str(folder.path),
        "AETHERIS_DATABASE_URL": database_url,
        "AETHERIS_BROKER_URL": broker_url,
        "AETHERIS_APPS": ",".join(app for app in apps if app),
        **{url_variable(name): url for name, url in companions.items()},
    }


def _secret_key(folder: DataFolder) -> str:
    if not folder.secret_key.exists():
        write_private(folder.secret_key, secrets.token_urlsafe(48))
    return folder.secret_key.read_text().strip()
