"""The socket folder: short, private, and recorded in the data folder so that no leftover stays behind."""

import os
import secrets
import shutil
import tempfile
from pathlib import Path

from aetheris.services.errors import ServiceError
from aetheris.services.folder import DataFolder, read_json, write_json
from aetheris.services.identity import Identity

LONGEST = 107
"""Bytes of the longest socket path: PostgreSQL does not start above it."""
_PREFIX = "aetheris-"


def socket_root() -> Path:
    """The system's temporary folder, or /tmp where that one's path is too long for a socket."""
    for root in (tempfile.gettempdir(), "/tmp"):  # noqa: S108
        if len(os.fsencode(f"{root}/{_PREFIX}01234567/.s.PGSQL.5432.lock")) <= LONGEST and os.path.isdir(root):
            return Path(root)
    raise ServiceError(f"{tempfile.gettempdir()} is too long for a socket path.", "Set TMPDIR to a short one.")


def make_sockets(folder: DataFolder, identity: Identity, root: Path) -> Path:
    """A new socket folder (0700), in place of the one that an earlier start left."""
    remove_sockets(folder)
    path = root / f"{_PREFIX}{secrets.token_hex(4)}"
    # Recorded first: a kill between the two leaves a name without a folder, never the other way round.
    write_json(folder.sockets, {"folder": str(path)})
    ensure_sockets(path, identity)
    return path


def ensure_sockets(path: Path, identity: Identity) -> None:
    """Make the folder again if a cleaner took it; the name stays, because other processes know it."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    identity.own(path)


def remove_sockets(folder: DataFolder) -> None:
    """Remove the recorded socket folder, if there is one."""
    recorded = read_json(folder.sockets)
    if recorded is not None:
        shutil.rmtree(recorded["folder"], ignore_errors=True)
        folder.sockets.unlink()
