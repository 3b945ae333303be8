"""PostgreSQL of a data folder: makes the cluster, mends what a crash left, starts and stops the server."""

import os
import shutil
import signal
from pathlib import Path
from urllib.parse import quote

from aetheris.services.child import Check, Child, run_to_end
from aetheris.services.errors import ServiceError
from aetheris.services.folder import DataFolder
from aetheris.services.identity import Identity
from aetheris.services.processes import end_leftovers, start_ticks, using
from aetheris.services.sockets import ensure_sockets

NAME = "aetheris"
"""The cluster's superuser and the database."""
_SETTINGS = {"listen_addresses": "", "max_connections": "200", "timezone": "UTC", "log_timezone": "UTC"}
_UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Child):
    """The server, on a unix socket only. With `fsync` a commit that was answered survives power loss."""

    # Fast shutdown; then immediate, which only costs a recovery at the next start.
    steps = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))
    last_signal = "QUIT"

    def __init__(self, folder: DataFolder, programs: Path, identity: Identity, sockets: Path, *, fsync: bool) -> None:
        settings = _SETTINGS | {"unix_socket_directories": f'"{sockets}"'} | ({} if fsync else _UNSAFE)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._folder, self._programs, self._identity, self._sockets = folder, programs, identity, sockets
        self._fsync = fsync
        super().__init__(
            "postgres",
            [programs / "postgres", "-D", folder.postgres, *options],
            log=folder.logs / "postgres.log",
            environ=_environ(),
            prefix=identity.prefix,
        )
        self.socket = sockets / ".s.PGSQL.5432"

    @property
    def url(self) -> str:
        """Where Django and psycopg find the database."""
        return f"postgresql://{NAME}@/{NAME}?host={quote(str(self._sockets))}"

    def make_cluster(self, check: Check) -> None:
        """Make the cluster if there is none. It gets its name only when it is whole."""
        if self._folder.postgres.exists():
            return
        new = self._folder.path / "postgres.new"
        end_leftovers("initdb", new, signal.SIGKILL)
        end_leftovers("postgres", new, signal.SIGKILL)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self._identity.own(new)
        options = ["-U", NAME, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-instructions"]
        options += [] if self._fsync else ["--no-sync"]
        initdb = Child(
            "initdb",
            [self._programs / "initdb", "-D", new, *options],
            log=self._folder.logs / "initdb.log",
            environ=_environ(),
            prefix=self._identity.prefix,
        )
        run_to_end(initdb, 300, check)
        new.rename(self._folder.postgres)

    def make_database(self) -> None:
        """Make the database if there is none."""
        import psycopg  # Slow to load, and not needed by who only asks about an instance.

        with psycopg.connect(
            host=str(self._sockets), user=NAME, dbname="postgres", autocommit=True, connect_timeout=10
        ) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(f"CREATE DATABASE {NAME}")

    def prepare(self) -> None:
        """End a server that outlived its supervisor, then clear lock files that would stop a start."""
        if not end_leftovers("postgres", self._folder.postgres, signal.SIGQUIT):
            raise ServiceError(
                f"A PostgreSQL server still uses {self._folder.postgres} and cannot be ended.",
                f"End the processes {using('postgres', self._folder.postgres)} and start again.",
            )
        ensure_sockets(self._sockets, self._identity)
        for left in self._sockets.glob(".s.PGSQL.*"):
            left.unlink()
        self._forget_reused_pid()

    def ready(self) -> bool:
        """Whether this server accepts connections: it says so in its own pid file."""
        lines = self._pid_file()
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _pid_file(self) -> list[str]:
        try:
            return (self._folder.postgres / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _forget_reused_pid(self) -> None:
        """Remove the pid file of a dead server whose pid another program has now.

        PostgreSQL would refuse to start because of it. Its own protection against orphaned backends, the
        shared memory segment named in that file, is checked here first.
        """
        lines = self._pid_file()
        pid_lives = bool(lines) and lines[0].isdigit() and start_ticks(int(lines[0])) is not None
        if pid_lives and len(lines) > 6 and not _attached(lines[6].split()[-1]):
            (self._folder.postgres / "postmaster.pid").unlink()


def _attached(segment: str) -> bool:
    rows = Path("/proc/sysvipc/shm").read_text().splitlines()
    columns = rows[0].split()
    identifier, users = columns.index("shmid"), columns.index("nattch")
    return any(row.split()[identifier] == segment and row.split()[users] != "0" for row in rows[1:])


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
