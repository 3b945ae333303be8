"""The server from its npm package, on free ports of this machine, and how it is called."""

import http.client
import json
import socket
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.measure import marks
from benchmarks.measure.environ import SCRATCH
from benchmarks.measure.meter import Meter
from benchmarks.measure.processes import kill, settle, start

PROGRAM = "node_modules/@restatedev/restate-server-*/bin/restate-server"
SUBMITTERS = 8
"""One that submits serially would be slower than the server."""
START_SECONDS = 60.0


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Connections(threading.local):
    """One of each thread to each port, kept open."""

    def __init__(self) -> None:
        self.open: dict[int, http.client.HTTPConnection] = {}

    def to(self, port: int) -> http.client.HTTPConnection:
        if port not in self.open:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.connect()
            # Without it the two ends wait for each other for 40 ms in each request.
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open[port] = connection
        return self.open[port]


class Server:
    """A new, empty server that knows a service of two processes."""

    def __init__(self) -> None:
        self._ingress, self._admin, node, self._service = free_ports(4)
        self._connections = Connections()
        self._pool = ThreadPoolExecutor(SUBMITTERS)
        self.data = SCRATCH / f"restate-{time.time_ns()}"
        self.pid = start("restate", [next(Path(sys.prefix).glob(PROGRAM)), "--no-logo"], self._settings(node))
        self._command = ("-m", "hypercorn", "benchmarks.peers.restate.app:app", "-b", f"127.0.0.1:{self._service}")
        self.service = self._start_service()
        marks.await_that(self._registered, START_SECONDS, lambda: "the service is not registered", 0.5)
        settle([self.pid, self.service])

    def restart_service(self) -> None:
        """Kill -9 its processes, and start it again."""
        kill(self.service)
        self.service = self._start_service()

    def meter(self) -> Meter:
        return Meter({"worker": [self.service], "server": [self.pid]}, postgres=False)

    def stored(self) -> int:
        """Bytes of its data."""
        return sum(file.stat().st_size for file in self.data.rglob("*") if file.is_file())

    def send(self, handler: str, name: str, size: int = 1, service: str = "Bench") -> None:
        self._call(self._ingress, f"/{service}/{handler}/send", {"name": name, "size": size})

    def submit(self, handler: str, name: str, size: int = 1, service: str = "Bench") -> Future[None]:
        """`send`, by one of several submitters."""
        return self._pool.submit(self.send, handler, name, size, service)

    def run_one(self, name: str) -> bytes:
        """Its result."""
        return self._call(self._ingress, "/Bench/chain", {"name": name, "size": 1})

    def resolve(self, key: str) -> None:
        self._call(self._ingress, f"/restate/awakeables/{key}/resolve", {"ok": True})

    def _start_service(self) -> int:
        return start("restate-service", [sys.executable, *self._command, "-w", "2"])

    def _registered(self) -> bool:
        try:
            self._call(self._admin, "/deployments", {"uri": f"http://127.0.0.1:{self._service}", "force": True})
        except (OSError, RuntimeError, http.client.HTTPException):
            self._connections.open.clear()
            return False
        return True

    def _call(self, port: int, path: str, body: dict[str, Any]) -> bytes:
        connection = self._connections.to(port)
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{response.status} {text[:300]!r}")
        return text

    def _settings(self, node: int) -> dict[str, str]:
        return {
            "RESTATE_BASE_DIR": str(self.data),
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{self._ingress}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{self._admin}",
            "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}",
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_LOG_FILTER": "warn",
        }
