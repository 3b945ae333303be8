"""A whole instance of the soak's own: servers, proxy, sink and every kind of process, started again when it dies."""

import os
import shutil
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGKILL, Signals

from aetheris.services import EmbeddedServices, Options
from aetheris.services.child import Child, never, run_to_end, wait_until
from aetheris.services.folder import read_json
from aetheris.services.keeper import Keeper
from aetheris.services.options import environment
from aetheris.services.ports import free_port, listen
from aetheris.services.processes import send, start_ticks
from aetheris.services.roles import Consumer, Web, Worker, beat_command, module, prefork_command
from aetheris.testing.proxy import Proxy

LEASE_SECONDS = 3.0
"""Shorter than the stops and stalls, so that there are workers who wake up without their lease."""
SETTINGS = {
    "AETHERIS_LEASE_SECONDS": str(LEASE_SECONDS),
    # How often a node may lose its worker is not what is tested here, and would end in doubt of every class.
    "AETHERIS_CRASH_LIMIT": "1000",
}
APP = "tests.chaos.soak.shop"
PORT = 18300
START_SECONDS = 90.0
KILLED = (-SIGKILL,)


class Rig:
    """Made and kept by one thread, the main one: the kernel ends the children with it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.services = EmbeddedServices(data, environ={})
        self.environ = dict(os.environ)
        self.restarts: Counter[str] = Counter()
        self._held: dict[str, float] = {}
        self._keepers: dict[str, Keeper] = {}
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """All that there is, and nobody to load it yet."""
        self.services.start()
        self.sink_log = self.data / "sink.jsonl"
        sink_port = free_port()
        sink = self._child("sink", "-m", "aetheris.testing.sink", "--log", str(self.sink_log), "--port", str(sink_port))
        self.proxy = Proxy(
            {name: ("tcp:127.0.0.1:0", target) for name, target in self._targets(sink_port).items()},
            postgres=("db",),
            log=self.data / "proxy.jsonl",
        )
        self.environ = self._environ(sink_port)
        direct = {**self.environ, "AETHERIS_DATABASE_URL": self.database_url}
        for name, arguments in (
            ("migrate", ("-m", "django", "migrate", "--noinput")),
            ("logins", ("-m", "aetheris.services.logins", str(self.data))),
        ):
            run_to_end(module(name, arguments, self.services.folder, direct), 120, never)
        children = [*self.services.children, sink, *self._roles()]
        self._keepers = {child.name: Keeper(child, self._say) for child in children}
        for child in children[len(self.services.children) :]:
            child.start()
        if not wait_until(self.is_well, START_SECONDS):
            raise RuntimeError(f"not everybody is ready after {START_SECONDS:.0f} s; see {self.services.folder.logs}")

    @property
    def database_url(self) -> str:
        """PostgreSQL itself: no fault of the proxy reaches whoever asks there."""
        return self.services.database_url

    @property
    def broker_socket(self) -> str:
        return self.services.broker_url.removeprefix("redis+socket://")

    def passwords(self) -> dict[str, str]:
        return read_json(self.services.folder.logins) or {}

    def keep(self, now: float) -> None:
        """Start again what has died and is not held down; nothing else starts while a server is away."""
        for name, keeper in self._keepers.items():
            if keeper.is_well() or not keeper.is_due() or self._held.get(name, 0.0) > now:
                continue
            code = keeper.child.exit_code()
            if (keeper.child in self.services.children or self._servers_answer()) and keeper.start_again():
                self.restarts[name if code in KILLED else f"{name} (ended with {code})"] += 1

    def hold(self, name: str, until: float) -> None:
        """Do not start it again before then."""
        self._held[name] = until

    def children(self, name: str) -> list[int]:
        """Of a process that does its work; killed earlier, Celery's main process ends with them."""
        return children_of(self.pid(name)) if self._keepers[name].child.ready() else []

    def pid(self, name: str) -> int:
        """Of the running process; 0 when it is down."""
        child = self._keepers[name].child
        return child.pid if child.alive() else 0

    def group(self, name: str) -> list[int]:
        """A process and its children."""
        pid = self.pid(name)
        return [pid, *children_of(pid)] if pid else []

    def workers(self) -> list[str]:
        return [name for name in self._keepers if name.startswith(("worker", "prefork"))]

    def strike(self, pids: list[int], number: Signals = SIGKILL) -> list[int]:
        """Signal these processes; those that were there."""
        return [pid for pid in pids if (ticks := start_ticks(pid)) is not None and send(pid, ticks, number)]

    def wipe_broker(self) -> None:
        """After its end: none of its data is there when it starts again."""
        wait_until(lambda: not self.pid("valkey"), 5)
        shutil.rmtree(self.services.folder.valkey)

    def is_well(self) -> bool:
        """Whether everybody lives and says that it does its work."""
        return all(keeper.child.alive() and keeper.child.ready() for keeper in self._keepers.values())

    def heal(self) -> None:
        """No fault stays."""
        self._held.clear()
        for front in self.proxy.addresses:
            self.proxy.order(front, "pass")
        for name in self._keepers:
            self.strike(self.group(name), SIGCONT)

    def stop(self) -> None:
        """Leave nothing running."""
        names = [name for name in self._keepers if self._keepers[name].child not in self.services.children]
        for name in names:
            self.strike(self.group(name), SIGCONT)
            self._keepers[name].child.kill()
        if hasattr(self, "proxy"):
            self.proxy.stop()
        if self._listener is not None:
            self._listener.close()
        self.services.stop()

    def _targets(self, sink_port: int) -> dict[str, str]:
        postgres = self.services.children[0].socket
        return {
            "db": f"unix:{postgres}",
            "broker": f"unix:{self.broker_socket}",
            "sink": f"tcp:127.0.0.1:{sink_port}",
        }

    def _environ(self, sink_port: int) -> dict[str, str]:
        addresses = self.proxy.addresses
        db, broker, sink = (addresses[name] for name in ("db", "broker", "sink"))
        companions = {
            "sink": f"http://{sink.host}:{sink.port}",
            "sink-itself": f"http://127.0.0.1:{sink_port}",
        }
        database_url = f"postgresql://aetheris@{db.host}:{db.port}/aetheris"
        options = Options(str(self.data), apps=[APP])
        made = environment(options, database_url, f"redis://{broker.host}:{broker.port}/0", companions)
        return made | SETTINGS

    def _roles(self) -> Iterator[Child]:
        folder = self.services.folder
        self._listener = listen(PORT)
        port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        yield Web(folder, self.environ, self._listener.fileno(), port)
        for number in (1, 2):
            yield Worker(folder, self.environ, number, 3)
        yield Consumer("prefork", prefork_command(f"prefork-{os.getpid()}@%h", 4, "default"), folder, self.environ)
        yield self._child("beat", *beat_command())

    def _child(self, name: str, *arguments: str) -> Child:
        log = self.services.folder.logs / f"{name}.log"
        return Child(name, [sys.executable, *arguments], log=log, environ=self.environ)

    def _servers_answer(self) -> bool:
        return all(child.alive() and child.ready() for child in self.services.children)

    def _say(self, name: str, news: str) -> None:
        with (self.data / "logs" / "supervisor.log").open("a") as log:
            log.write(f"{name} {news}\n")


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@contextmanager
def running(data: Path) -> Iterator[Rig]:
    """A rig for the time of the body, whatever becomes of it."""
    rig = Rig(data)
    try:
        rig.start()
        yield rig
    finally:
        rig.stop()
