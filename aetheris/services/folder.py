"""The data folder: one private place for all that an instance owns, and the lock that gives it one owner.

Nothing outside this folder and the socket folder is ever created, chowned or chmodded by the launcher.
"""

import fcntl
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from aetheris.services.errors import ServiceError

HERE = Path(".aetheris")
"""Where commands look that are told no folder."""


class DataFolder:
    """Paths of a data folder, and its lock.

    The lock is a `flock`: the kernel drops it with its holder, so a stale lock cannot exist. It is not
    inherited by children.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).resolve()
        self.postgres = self.path / "postgres"
        self.valkey = self.path / "valkey"
        self.logs = self.path / "logs"
        self.run = self.path / "run"
        self.identity = self.path / "identity.json"
        self.sockets = self.path / "sockets.json"
        self.instance = self.path / "instance.json"
        self.logins = self.path / "logins.json"
        self.tokens = self.path / "tokens.json"
        self.secret_key = self.path / "secret_key"
        self._lock_file = self.path / "lock"
        self._lock: int | None = None

    def make(self) -> None:
        """Make the folder (0700). One that exists must be empty or ours: no mistyped path is taken over."""
        if self.path.is_dir() and not self._lock_file.exists() and any(self.path.iterdir()):
            raise ServiceError(
                f"{self.path} holds other files and is not a data folder of Aetheris.",
                "Name a new or empty folder with --data or AETHERIS_DATA.",
            )
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.path.stat().st_mode & 0o067:
            self.path.chmod(0o700)
        # Before anything else in it: a folder whose making was cut short is known as ours by this file.
        self._lock_file.touch(mode=0o600)
        for room in (self.logs, self.run):
            room.mkdir(mode=0o700, exist_ok=True)

    def try_lock(self) -> bool:
        """Own the folder until `unlock` or the end of this process. False: somebody else owns it."""
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def unlock(self) -> None:
        """Give the folder back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def is_locked(self) -> bool:
        """Whether an owner lives. A free answer holds only for this moment."""
        if not self._lock_file.exists():
            return False
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file that `write_json` wrote, or None when there is no such file."""
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a file at once (0600): a reader sees the old or the new content, also after a crash."""
    write_private(path, json.dumps(content, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Like `write_json`, for text."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
