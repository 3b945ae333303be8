"""As whom PostgreSQL and Valkey run. PostgreSQL refuses root, so root hands them to uid 65534.

Three ways: `plain` (an ordinary user), `setpriv` (root becomes 65534) and `unshare` (root is called 65534 in
a user namespace and so still reaches root's private folders). A folder keeps its way for life.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aetheris.services.errors import ServiceError
from aetheris.services.folder import DataFolder, read_json, write_json

NOBODY = 65534
_PREFIXES = {
    "plain": (),
    "setpriv": ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"),
    "unshare": ("unshare", "-U", f"--map-user={NOBODY}", "--"),
}
_MOVE = (
    "Name another folder with --data or AETHERIS_DATA (a program: install Aetheris where all may read), "
    "or set AETHERIS_DATABASE_URL and AETHERIS_BROKER_URL."
)


@dataclass(frozen=True)
class Identity:
    """A way to run the servers."""

    way: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What stands before a command so that it runs this way."""
        return _PREFIXES[self.way]

    def own(self, folder: Path) -> None:
        """Give an empty folder of ours to the servers."""
        if self.way == "setpriv":
            os.chown(folder, NOBODY, NOBODY)

    def admit(self, folder: DataFolder) -> None:
        """Let the servers pass through the data folder to their rooms; they cannot list or change it."""
        if self.way == "setpriv":
            os.chown(folder.path, -1, NOBODY)
            folder.path.chmod(0o710)


def choose(folder: DataFolder, programs: Sequence[Path], socket_root: Path) -> Identity:
    """The way that made the folder, or the first one that reaches everything, recorded in the folder."""
    recorded = read_json(folder.identity)
    if recorded is not None:
        return _recorded(folder, recorded, programs, socket_root)
    obstacle: Path | None = None
    for way in ["plain"] if os.geteuid() else ["setpriv", "unshare"]:
        obstacle = _obstacle(way, folder, programs, socket_root)
        if obstacle is None:
            identity = Identity(way)
            identity.admit(folder)
            write_json(folder.identity, {"way": way, "uid": os.geteuid()})
            return identity
    who = f"Neither uid {NOBODY} nor a user namespace of root" if not os.geteuid() else "This user"
    raise ServiceError(f"{who} cannot use {obstacle}, which PostgreSQL and Valkey need.", _MOVE)


def _recorded(folder: DataFolder, recorded: dict[str, object], programs: Sequence[Path], socket_root: Path) -> Identity:
    way, uid = str(recorded["way"]), recorded["uid"]
    if uid != os.geteuid():
        raise ServiceError(
            f"{folder.path} belongs to user {uid} and cannot be used by user {os.geteuid()}.",
            f"Run as user {uid}, or name another folder with --data or AETHERIS_DATA.",
        )
    obstacle = _obstacle(way, folder, programs, socket_root)
    if obstacle is not None:
        raise ServiceError(f"{folder.path} was made by way of {way}, which cannot use {obstacle} now.", _MOVE)
    identity = Identity(way)
    identity.admit(folder)
    return identity


def _obstacle(way: str, folder: DataFolder, programs: Sequence[Path], socket_root: Path) -> Path | None:
    """The first thing that this way does not reach. Uid 65534 needs only to get as far as the folder."""
    test = "-e" if way == "setpriv" else "-w"
    tries = [(folder.path, ["test", test, str(folder.path)]), (socket_root, ["test", "-x", str(socket_root)])]
    tries += [(program, [str(program), "--version"]) for program in programs]
    for path, command in tries:
        if not _works([*_PREFIXES[way], *command]):
            return path
    return None


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20).returncode == 0
    except OSError:
        return False
