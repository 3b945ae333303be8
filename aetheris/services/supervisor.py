"""The supervisor: starts an instance's processes, keeps them, and stops them in order.

It owns the data folder's lock from `run` to its end. Signals only set a flag that every wait looks at, so a
stop may come at any moment and always takes the same way out.
"""

import signal
import socket
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from aetheris.services.child import Child, failure, run_to_end, stop_together, wait_until
from aetheris.services.embedded import EmbeddedServices, Say
from aetheris.services.errors import Stopped
from aetheris.services.instance import RUNNING, STOPPING, Instance
from aetheris.services.keeper import Keeper
from aetheris.services.options import Options, environment
from aetheris.services.ports import free_port, listen
from aetheris.services.roles import Environ, Web, Worker, beat_command, companion, module

HEALTHY_SECONDS = 90.0
QUICK_DEATHS = 3
"""So many in a row before the instance was healthy end the start."""


class StopRequest:
    """While it is entered, remembers that SIGINT, SIGTERM or SIGHUP came. A second one changes nothing."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise `Stopped` when one came."""
        if self.asked:
            raise Stopped

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


class Supervisor:
    """One instance. The caller holds the folder's lock through `services.folder`."""

    def __init__(self, options: Options, services: EmbeddedServices, request: StopRequest, say: Say) -> None:
        self.options = options
        self.services = services
        self.folder = services.folder
        self.say = say
        self.check = request.check
        self.instance = Instance(data=str(self.folder.path), has_logins=services.owns_database)
        self.keepers: list[Keeper] = []
        self.stop_order: list[list[Child]] = []
        self.listener: socket.socket | None = None

    def run(self, healthy: Callable[[Instance], None]) -> None:
        """Start all, call `healthy` once, keep all until asked to stop. Leaves nothing running."""
        try:
            self._start()
            self.instance.state = RUNNING
            self._publish()
            healthy(self.instance)
            while True:
                self._keep()
                wait_until(lambda: False, 0.1, self.check)
        except Stopped:
            pass
        finally:
            self._stop()

    def _start(self) -> None:
        self._publish()
        self.services.start_locked(self.check, self.say)
        self.keepers = [Keeper(child, self.say) for child in self.services.children]
        ports = {name: free_port() for name in self.options.companions}
        self.instance.database_url = self.services.database_url
        self.instance.broker_url = self.services.broker_url
        self.instance.companions = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        environ = environment(
            self.options, self.services.database_url, self.services.broker_url, self.instance.companions
        )
        self.instance.apps = [app for app in environ["AETHERIS_APPS"].split(",") if app]
        self._prepare_database(environ)
        self._start_roles(environ, ports)

    def _prepare_database(self, environ: Environ) -> None:
        tasks: dict[str, tuple[str, ...]] = {
            "gate": ("-m", "aetheris.gate"),
            "migrate": ("-m", "django", "migrate", "--noinput"),
        }
        if self.services.owns_database:
            tasks["logins"] = ("-m", "aetheris.services.logins", str(self.folder.path))
        for name, arguments in tasks.items():
            began = time.monotonic()
            run_to_end(module(name, arguments, self.folder, environ), 600, self.check)
            self.say(name, f"done {time.monotonic() - began:.1f} s")

    def _start_roles(self, environ: Environ, ports: dict[str, int]) -> None:
        listener = self.listener = listen(self.options.port)
        port = listener.getsockname()[1]
        self.instance.url = f"http://127.0.0.1:{port}"
        companions = [
            companion(name, command, ports[name], self.folder, environ)
            for name, command in self.options.companions.items()
        ]
        web = Web(self.folder, environ, listener.fileno(), port)
        workers: list[Child] = [
            Worker(self.folder, environ, number, self.options.threads) for number in range(1, self.options.workers + 1)
        ]
        beat = module("beat", beat_command(), self.folder, environ)
        self.stop_order = [[beat], [web], workers, companions]
        roles = [Keeper(child, self.say) for child in (*companions, web, *workers, beat)]
        for keeper in roles:
            self.check()
            keeper.start()
            self.keepers.append(keeper)
            self._publish()
        self._await_health(roles, web)

    def _await_health(self, roles: list[Keeper], web: Web) -> None:
        began = time.monotonic()
        waiting = list(roles)
        while waiting:
            self.check()
            self._keep()
            for keeper in roles:
                if keeper not in waiting and not keeper.child.alive():
                    waiting.append(keeper)
                elif keeper in waiting and keeper.is_settled():
                    waiting.remove(keeper)
                    self.say(keeper.child.name, f"ready {time.monotonic() - began:.1f} s")
            self._give_up(roles, waiting, late=time.monotonic() - began > HEALTHY_SECONDS, web=web)
            time.sleep(0.05)

    def _give_up(self, roles: list[Keeper], waiting: list[Keeper], *, late: bool, web: Web) -> None:
        for keeper in roles:
            if keeper.quick_deaths >= QUICK_DEATHS:
                raise failure(keeper.child, "keeps ending")
        if late and waiting:
            child = waiting[0].child
            detail = f" ({web.answer})" if child is web else ""
            raise failure(child, f"was not ready in {HEALTHY_SECONDS:.0f} s{detail}")

    def _keep(self) -> None:
        """Start again what has died, servers first: nothing else starts while one of them is not ready."""
        for keeper in self.keepers:
            if keeper.is_well() or not keeper.is_due():
                continue
            server = keeper.child in self.services.children
            if (server or self._servers_ready()) and keeper.start_again():
                self._publish()

    def _servers_ready(self) -> bool:
        return all(child.alive() and child.ready() for child in self.services.children)

    def _publish(self) -> None:
        self.instance.processes = {keeper.child.name: keeper.child.pid for keeper in self.keepers}
        try:
            self.instance.write()
        except OSError as error:
            self.say("supervisor", f"cannot write {self.folder.instance}: {error.strerror}")

    def _stop(self) -> None:
        self.say("supervisor", "stopping")
        self.instance.state = STOPPING
        self._publish()
        try:
            for children in self.stop_order:
                stop_together(children)
            self.folder.instance.unlink(missing_ok=True)
        finally:
            self.services.stop()
