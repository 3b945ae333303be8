"""A proxy that lies: it answers the demo what a broken runtime would, without breaking one."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


@dataclass(frozen=True)
class Call:
    """One request on its way to the runtime; `forward` sends it on and gives the true answer's JSON."""

    method: str
    path: str
    forward: Callable[[], Any]


Tamper = Callable[[Call], Any]


class Proxy:
    """Forwards everything to `upstream`, and answers what `tamper` makes of it."""

    def __init__(self, upstream: str, tamper: Tamper) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(upstream, tamper))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(upstream: str, tamper: Tamper) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = 200
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            passed = ("Authorization", "Content-Type", "Idempotency-Key")
            headers = {name: self.headers[name] for name in passed if name in self.headers}

            def forward() -> Any:
                nonlocal status
                url = f"{upstream}{self.path}"
                with httpx.Client(trust_env=False, timeout=30) as client:
                    answer = client.request(self.command, url, content=body, headers=headers)
                status = answer.status_code
                return answer.json()

            content = json.dumps(tamper(Call(self.command, self.path, forward))).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
