"""What can be looked at on this machine before anything is asked: programs, folder, processes, settings' names."""

import http.client
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from aetheris.services.binaries import find_postgres, find_valkey
from aetheris.services.child import require_tools
from aetheris.services.errors import ServiceError
from aetheris.services.finding import OK, WARNING, WRONG, Finding, judged
from aetheris.services.folder import DataFolder
from aetheris.services.instance import RUNNING, Instance
from aetheris.services.processes import start_ticks
from aetheris.services.project import settings_module

LEAST_FREE = 1 << 30


def checkup(data: Path, instance: Instance | None) -> Iterator[Finding]:
    """Each finding, in the order in which they are to be mended."""
    folder = DataFolder(data)
    yield Finding("python", OK, f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield _programs(folder)
    yield from _folder(folder)
    yield _project(Path.cwd())
    yield _instance(folder, instance)
    if instance is not None and instance.url:
        yield _web(instance.url, folder)


def _programs(folder: DataFolder) -> Finding:
    """Of servers only those that this machine has to start itself."""
    needed: list[Callable[[], object]] = [require_tools]
    if not os.environ.get("AETHERIS_DATABASE_URL"):
        needed.append(lambda: find_postgres(folder.postgres))
    if not os.environ.get("AETHERIS_BROKER_URL"):
        needed.append(find_valkey)
    try:
        for find in needed:
            find()
    except ServiceError as error:
        return Finding("programs", WRONG, error.problem, error.remedy)
    return Finding("programs", OK, "all that `aetheris up` starts is there")


def _folder(folder: DataFolder) -> Iterator[Finding]:
    place = next(path for path in (folder.path, *folder.path.parents) if path.exists())
    remedy = "Name another folder with --data or AETHERIS_DATA."
    writable = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    yield judged("folder", f"{folder.path}{'' if writable else ' cannot be written'}", well=writable, remedy=remedy)
    free = shutil.disk_usage(place).free
    yield judged(
        "disk",
        f"{free / LEAST_FREE:.1f} GiB free",
        well=free >= LEAST_FREE,
        remedy="Free some space, or name a folder on another disk with --data.",
        otherwise=WARNING,
    )


def _project(folder: Path) -> Finding:
    try:
        named = os.environ.get("DJANGO_SETTINGS_MODULE") or settings_module(folder)
    except ServiceError as error:
        return Finding("project", WRONG, error.problem, error.remedy)
    return Finding("project", OK, f"Django's settings are {named}")


def _instance(folder: DataFolder, instance: Instance | None) -> Finding:
    start = f"Start it with `aetheris up --data {folder.path}`."
    if instance is None and os.environ.get("AETHERIS_DATABASE_URL"):
        return Finding("instance", OK, "none of `aetheris up` here; the environment names the database")
    if instance is None:
        return Finding("instance", WARNING, f"nothing runs in {folder.path}", start)
    dead = [name for name, pid in instance.processes.items() if start_ticks(pid) is None]
    if dead:
        told = f"not running now: {', '.join(dead)}"
        return Finding("instance", WRONG, told, f"Each is started again; its log in {folder.logs} says why it ended.")
    if instance.state != RUNNING:
        return Finding("instance", WARNING, instance.state, "Wait until it is running: `aetheris status`.")
    return Finding("instance", OK, f"{len(instance.processes)} processes, supervisor {instance.pid}")


def _web(url: str, folder: DataFolder) -> Finding:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", "/api/health")
        status = connection.getresponse().status
        told, well = f"{url} answers {status}", status == http.client.OK
    except (OSError, http.client.HTTPException) as error:
        told, well = f"{url} does not answer: {error!r}", False
    finally:
        connection.close()
    return judged("web", told, well=well, remedy=f"Look at {folder.logs / 'web.log'}.")
