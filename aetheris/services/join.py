"""Another process of an instance that runs: it works on the same database and broker, with the same settings."""

import os
from pathlib import Path

from aetheris.services.instance import Instance, read_instance
from aetheris.services.options import Options, environment
from aetheris.services.project import settings_module


def environment_of(instance: Instance) -> dict[str, str]:
    """What its own processes got."""
    options = Options(instance.data, apps=instance.apps)
    return environment(options, instance.database_url, instance.broker_url, instance.companions)


def environment_here() -> dict[str, str]:
    """What a process gets without an instance: what the environment names, and the settings of the project here."""
    return {"DJANGO_SETTINGS_MODULE": settings_module(Path.cwd()), **os.environ}


def join(folder: str | Path = ".aetheris") -> None:
    """Give this process that environment, if an instance runs in the folder (`AETHERIS_DATA` names another one). A
    database that the environment names already is kept."""
    instance = read_instance(os.environ.get("AETHERIS_DATA") or folder)
    if instance is not None and "AETHERIS_DATABASE_URL" not in os.environ:
        os.environ.update(environment_of(instance))
