"""Loaded by workers (`celery worker -I`): tells the supervisor that this process consumes."""

import os
from pathlib import Path
from typing import Any

from celery.signals import worker_ready

from aetheris.services.roles import READY_FILE


@worker_ready.connect
def announce(**_: Any) -> None:
    """Write this process's pid, so that an earlier process's file cannot be taken for it."""
    if READY_FILE in os.environ:
        Path(os.environ[READY_FILE]).write_text(str(os.getpid()))
