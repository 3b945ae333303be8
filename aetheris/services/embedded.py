"""PostgreSQL and Valkey together: what `aetheris up`, the test plugin and demos start."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from aetheris.services.binaries import find_postgres, find_valkey
from aetheris.services.child import Check, Child, never, require_tools, start_until_ready
from aetheris.services.errors import ServiceError
from aetheris.services.folder import DataFolder
from aetheris.services.identity import choose
from aetheris.services.postgres import Postgres
from aetheris.services.sockets import make_sockets, remove_sockets, socket_root
from aetheris.services.valkey import Valkey

Say = Callable[[str, str], None]
"""Takes the name of a part and what became of it."""


def _silent(name: str, news: str) -> None: ...


class EmbeddedServices:
    """The servers of one data folder. One whose URL the environment gives is not started, but used.

    They end with the process that started them, also when it is killed. The folder belongs to it from `start`
    to `stop`; `stop` may be called at any time, more than once.
    """

    def __init__(self, path: str | Path, *, fsync: bool = True, environ: Mapping[str, str] = os.environ) -> None:
        self.folder = DataFolder(path)
        self.fsync = fsync
        self.database_url = environ.get("AETHERIS_DATABASE_URL", "")
        self.broker_url = environ.get("AETHERIS_BROKER_URL", "")
        self.owns_database = not self.database_url
        self.children: list[Child] = []

    def start(self, check: Check = never, say: Say = _silent) -> None:
        """Take the folder and start what is missing; returns when both answer, or leaves nothing running."""
        self.folder.make()
        if not self.folder.try_lock():
            raise ServiceError(f"Another process uses {self.folder.path}.")
        try:
            self.start_locked(check, say)
        except BaseException:
            self.stop()
            raise

    def start_locked(self, check: Check, say: Say) -> None:
        """`start` for a caller that holds the folder's lock and calls `stop` whatever happens."""
        require_tools()
        programs = find_postgres(self.folder.postgres) if self.owns_database else None
        server = None if self.broker_url else find_valkey()
        needed = [program for program in (programs and programs / "initdb", server) if program]
        if not needed:
            return
        root = socket_root()
        identity = choose(self.folder, needed, root)
        sockets = make_sockets(self.folder, identity, root)
        if programs:
            began = time.monotonic()
            postgres = Postgres(self.folder, programs, identity, sockets, fsync=self.fsync)
            postgres.make_cluster(check)
            self._bring_up(postgres, check)
            postgres.make_database()
            self.database_url = postgres.url
            say("postgres", f"ready {time.monotonic() - began:.1f} s")
        if server:
            began = time.monotonic()
            valkey = Valkey(self.folder, server, identity, sockets)
            self._bring_up(valkey, check)
            self.broker_url = valkey.url
            say("valkey", f"ready {time.monotonic() - began:.1f} s")

    def stop(self) -> None:
        """Stop the servers, remove the sockets and give the folder back."""
        for child in reversed(self.children):
            child.stop()
        self.children.clear()
        if self.folder.path.exists():
            remove_sockets(self.folder)
        self.folder.unlock()

    def _bring_up(self, child: Child, check: Check) -> None:
        self.children.append(child)
        start_until_ready(child, 300, check)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
