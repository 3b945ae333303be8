"""The little HTTP that the three services share: JSON in, JSON out, loopback only."""

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any


@dataclass(frozen=True)
class Request:
    """What a caller sent; `path` comes without its query."""

    method: str
    path: str
    headers: Message
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises `ValueError` when it is none."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What the caller gets: a status and a body that becomes JSON."""

    status: int
    body: object


Answer = Callable[[Request], Reply]


def refusal(status: int, code: str, message: str) -> Reply:
    """An error in the one shape that the three services use."""
    return Reply(status, {"error": {"code": code, "message": message}})


class _Server(ThreadingMixIn, TCPServer):
    # Not http.server's HTTPServer: that one asks the resolver for the host's name before it listens.
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def _handler(answer: Answer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # Head and body leave in one packet; in two, the second waits for the caller's ACK.

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reply = answer(Request(self.command, self.path.partition("?")[0], self.headers, body))
            content = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Silent: the services keep request logs of their own."""

    return Handler


def serve(name: str, answer: Answer) -> None:
    """Answer requests on 127.0.0.1:`PORT` (0: a free one, which is printed) until SIGTERM or SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with _Server(("127.0.0.1", int(os.environ.get("PORT", "0"))), _handler(answer)) as server:
        print(f"{name}: http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()
