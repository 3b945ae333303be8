"""The test plugin (`-p aetheris.testing.services`): one PostgreSQL and one Valkey for the whole test run.

They start before any settings are read, live in a temporary folder and end with pytest, also when that is
killed. A run that brings both AETHERIS_DATABASE_URL and AETHERIS_BROKER_URL uses those instead. Parallel
workers (xdist) get a database each from pytest-django and a broker database each from here.
"""

import contextlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aetheris.services import EmbeddedServices, ServiceError
from aetheris.services.folder import DataFolder
from aetheris.services.sockets import remove_sockets

_PREFIX = "aetheris-tests-"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Around pytest-django's own hook of this name, which reads the settings."""
    os.environ.setdefault("AETHERIS_SECRET_KEY", secrets.token_urlsafe(48))
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        os.environ["AETHERIS_BROKER_URL"] = broker_url_for(os.environ["AETHERIS_BROKER_URL"], worker)
    elif not {"AETHERIS_DATABASE_URL", "AETHERIS_BROKER_URL"} <= os.environ.keys():
        _start(early_config)
    return (yield)


def broker_url_for(url: str, worker: str) -> str:
    """The address of an xdist worker's own broker database: `gw0` has number 1, and so on."""
    number = int(worker.removeprefix("gw")) + 1
    return f"{url}?virtual_host={number}" if url.startswith("redis+socket:") else url


def _start(config: pytest.Config) -> None:
    _remove_abandoned()
    folder = tempfile.mkdtemp(prefix=_PREFIX)
    services = EmbeddedServices(folder, fsync=False)
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    config.add_cleanup(services.stop)
    try:
        services.start()
    except ServiceError as error:
        raise pytest.UsageError(str(error)) from error
    os.environ["AETHERIS_DATABASE_URL"] = services.database_url
    os.environ["AETHERIS_UNSAFE_DATABASE"] = "true"
    os.environ["AETHERIS_BROKER_URL"] = services.broker_url


def _remove_abandoned() -> None:
    """Remove what killed test runs have left; a folder in its first minute may not be locked yet."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            about = path.stat()
            if about.st_uid != os.geteuid() or time.time() - about.st_mtime < 60:
                continue
            folder = DataFolder(path)
            if folder.try_lock():
                remove_sockets(folder)
                shutil.rmtree(path, ignore_errors=True)
                folder.unlock()
