"""Servers of the distribution, and an installation on them: the processes of one source, database and broker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from aetheris.services.child import Child, never, start_until_ready
from aetheris.services.folder import DataFolder
from aetheris.services.identity import NOBODY, Identity, choose
from aetheris.services.postgres import Postgres
from aetheris.services.roles import worker_command
from aetheris.services.sockets import make_sockets, remove_sockets, socket_root
from aetheris.services.valkey import Valkey
from tests.docs.reading import ROOT

DEBIAN_POSTGRES = Path("/usr/lib/postgresql/15/bin")
REDIS = Path("/usr/bin/redis-server")
PGBOUNCER = Path("/usr/sbin/pgbouncer")
NEWER_PGBOUNCER = Path("/opt/aetheris-tests/pgbouncer/run")
"""Debian 13's, which knows prepared statements, with the libraries of that release: `install.sh` puts it there."""


@contextmanager
def postgres(path: Path, programs: Path, *, fsync: bool = False) -> Iterator[str]:
    """The address of a PostgreSQL made by these programs."""
    with _folder(path, programs / "initdb") as (folder, identity, sockets):
        server = Postgres(folder, programs, identity, sockets, fsync=fsync)
        server.make_cluster(never)
        with _served(server):
            server.make_database()
            yield server.url


@contextmanager
def redis(path: Path) -> Iterator[str]:
    """The address of Debian's Redis, as Celery knows it."""
    with _folder(path, REDIS) as (folder, identity, sockets):
        server = Valkey(folder, REDIS, identity, sockets)
        with _served(server):
            yield server.url


@contextmanager
def pgbouncer(path: Path, url: str, program: Path = PGBOUNCER, **settings: int) -> Iterator[str]:
    """The address of a PgBouncer in transaction mode before the server of this one."""
    path.mkdir(mode=0o755)
    host = url.partition("host=")[2].replace("%2F", "/")
    (path / "pgbouncer.ini").write_text(f"""
[databases]
* = host={host} user=aetheris
[pgbouncer]
pool_mode = transaction
listen_addr =
listen_port = 6432
unix_socket_dir = {path}
auth_type = any
default_pool_size = 20
max_client_conn = 500
max_db_connections = 60
server_idle_timeout = 1
ignore_startup_parameters = extra_float_digits
{"".join(f"{name} = {value}" for name, value in settings.items())}
""")
    as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    if as_nobody:
        os.chown(path, NOBODY, NOBODY)
    with (path / "log").open("wb") as log:
        process = subprocess.Popen([program, path / "pgbouncer.ini"], stdout=log, stderr=log, **as_nobody)  # type: ignore[call-overload]
    try:
        until(lambda: (path / ".s.PGSQL.6432").exists(), 10, (path / "log").read_text)
        yield f"postgresql://aetheris@/aetheris?host={path}&port=6432"
    finally:
        process.kill()
        process.wait()


@contextmanager
def _folder(path: Path, program: Path) -> Iterator[tuple[DataFolder, Identity, Path]]:
    folder = DataFolder(path)
    folder.make()
    assert folder.try_lock()
    root = socket_root()
    identity = choose(folder, [program], root)
    try:
        yield folder, identity, make_sockets(folder, identity, root)
    finally:
        remove_sockets(folder)
        folder.unlock()


@contextmanager
def _served(server: Child) -> Iterator[None]:
    start_until_ready(server, 60, never)
    try:
        yield
    finally:
        server.steps = ((signal.SIGQUIT, 5.0),)
        server.stop()


def until(question: Callable[[], bool], seconds: float, say: Callable[[], object] = lambda: "") -> None:
    """Return when it is so; fail with what `say` says when it is not after so long."""
    ends = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < ends, say()
        time.sleep(0.05)


class Installation:
    """Processes of one source on a database and a broker, with the agent of `tests.ops.desk`."""

    def __init__(self, room: Path, database_url: str, broker_url: str, source: Path = ROOT) -> None:
        self.source = source
        self._log = room / f"{source.name}.log"
        self._workers: list[subprocess.Popen[bytes]] = []
        self._environ = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "aetheris.settings",
            "AETHERIS_DATABASE_URL": database_url,
            "AETHERIS_BROKER_URL": broker_url,
            "AETHERIS_APPS": "tests.ops.desk",
            "AETHERIS_UNSAFE_DATABASE": "true",
            "AETHERIS_LEASE_SECONDS": "3",
        }

    def run(self, *arguments: str) -> list[str]:
        """The lines that a Python process prints. It must end well."""
        command = [sys.executable, *arguments]
        ended = subprocess.run(command, cwd=self.source, env=self._environ, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout.split()

    def migrate(self) -> None:
        self.run("-m", "django", "migrate", "--no-input", "--verbosity", "0")

    def hire(self) -> "subprocess.Popen[bytes]":
        """A worker that begins now."""
        command = [sys.executable, *worker_command(f"worker-{len(self._workers)}@%h", 4)]
        with self._log.open("ab") as log:
            worker = subprocess.Popen(command, cwd=self.source, env=self._environ, stdout=log, stderr=log)
        self._workers.append(worker)
        return worker

    def dismiss(self) -> None:
        """Kill all workers."""
        while self._workers:
            worker = self._workers.pop()
            worker.kill()
            worker.wait()

    def act(self, verb: str, *given: str) -> list[str]:
        """What a person does: `tests.ops.desk.act`."""
        return self.run("-m", "tests.ops.desk.act", verb, *given)

    def reach(self, state: str, *jobs: str) -> None:
        """Return when all these jobs are in this state."""
        until(lambda: self.states(*jobs) == {state}, 90, lambda: (self.states(*jobs), self.log()))

    def states(self, *jobs: str) -> set[str]:
        """The states that these jobs are in."""
        with psycopg.connect(self._environ["AETHERIS_DATABASE_URL"]) as connection:
            found = connection.execute("SELECT state FROM jobs_job WHERE id = ANY(%s::uuid[])", [list(jobs)])
            return {state for (state,) in found}

    def check(self) -> None:
        """Every invariant holds: each job's hash chain and its replay among them."""
        assert self.run("-m", "aetheris.testing.check") == []

    def log(self) -> str:
        return self._log.read_text()[-4000:] if self._log.exists() else ""
