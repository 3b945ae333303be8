"""A payment provider for tests, as a process of its own: `python -m aetheris.testing.sink --log FILE [--port N]`.

It prints its port and trusts nobody. Each request is one line on the disk before its answer leaves, so the file is the
witness of what has happened outside; a sink that was killed reads it again and knows every key that it has seen.

`POST /<mode>` with an `Idempotency-Key` and a JSON object has an effect, by mode:

- `keyed`: once for each key. The same request again gets the first answer, another one under its key 409.
- `keyless`: each time, whatever the key.
- `lookup`: as `keyless`, and `GET /effects?key=…` tells what happened; it tells of every mode, and is a line as well.
- `slow`: as `keyed`, and answers only after the body's `seconds`, by default five.
- `apply-then-drop`, `apply-then-500`: as `keyed`, but the answer that tells of the effect is lost.
- `refuse`: never; 422.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

Line = dict[str, Any]

HONOURS_KEYS = ("keyed", "slow", "apply-then-drop", "apply-then-500")
MODES = (*HONOURS_KEYS, "keyless", "lookup", "refuse")
LOOKS = "effects"
"""The mode of the lines that only asked."""
DROPPED = 0
"""What stands as `answered` when the connection was closed without a word."""
SLOW_SECONDS = 5.0


class Sink:
    """What has happened, kept in one append-only file."""

    def __init__(self, log: Path) -> None:
        self._deciding = Lock()
        self._file = log.open("a+b")
        self._applied: dict[str, list[Line]] = {}
        self._arrivals = 0
        for line in _reread(self._file):
            self._remember(line)

    def request(self, mode: str, key: str, body: Any) -> Line:
        """Decide about one request and record it; the line is on the disk when this returns."""
        line = {"key": key, "mode": mode, "digest": _digest(body), "body": body, "applied": False, "effect": None}
        # Look-up and record are one step: of two requests with one key at once, one applies.
        with self._deciding:
            first = next(iter(self._applied.get(key, [])), None) if mode in HONOURS_KEYS and key else None
            if mode == "refuse":
                line["answered"] = 422
            elif first is None:
                effect = f"effect-{self._arrivals + 1}"
                line |= {"applied": True, "effect": effect, "answered": _answer_to_first(mode)}
            elif first["digest"] == line["digest"]:
                line |= {"effect": first["effect"], "answered": 200}
            else:
                line["answered"] = 409
            return self._append(line)

    def effects(self, key: str) -> list[str]:
        """The effects that were had under a key. That somebody asked is a line too."""
        with self._deciding:
            found = [str(line["effect"]) for line in self._applied.get(key, [])]
            asked = {"mode": LOOKS, "digest": "", "body": None, "applied": False, "effect": found, "answered": 200}
            self._append({"key": key, **asked})
        return found

    def _append(self, line: Line) -> Line:
        stamped = {"at": datetime.now(UTC).isoformat(), "arrival": self._arrivals + 1, **line}
        self._file.write(json.dumps(stamped).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._remember(stamped)
        return stamped

    def _remember(self, line: Line) -> None:
        self._arrivals = line["arrival"]
        if line["applied"]:
            self._applied.setdefault(line["key"], []).append(line)


def _answer_to_first(mode: str) -> int:
    return {"apply-then-drop": DROPPED, "apply-then-500": 500}.get(mode, 200)


def _reread(file: Any) -> list[Line]:
    file.seek(0)
    whole, newline, _torn = file.read().rpartition(b"\n")
    # A line without its end was never answered for: nobody was told that it is there.
    file.truncate(len(whole) + len(newline))
    return [json.loads(line) for line in whole.splitlines()]


def _digest(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # Head and body leave in one packet; in two, the second waits for the caller's ACK.

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            key = next(iter(parse_qs(address.query).get("key", [])), "")
            if address.path == f"/{LOOKS}" and key:
                self._answer(200, {"key": key, "effects": sink.effects(key)})
            else:
                self._answer(404, {"error": f"There is /{LOOKS}?key=…"})

        def do_POST(self) -> None:
            mode = urlsplit(self.path).path.removeprefix("/")
            try:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            except ValueError:
                body = None
            if mode not in MODES or not isinstance(body, dict):
                self._answer(404, {"error": f"POST a JSON object to one of {', '.join(MODES)}."})
                return
            line = sink.request(mode, self.headers.get("Idempotency-Key", ""), body)
            if mode == "slow":
                time.sleep(float(body.get("seconds", SLOW_SECONDS)))
            if line["answered"] == DROPPED:
                self.close_connection = True
            else:
                self._answer(line["answered"], {"effect": line["effect"], "applied": line["applied"]})

        def _answer(self, status: int, body: object) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Silent: the log is the file."""

    return Handler


class _Server(ThreadingMixIn, TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    parser = argparse.ArgumentParser(prog="aetheris.testing.sink")
    parser.add_argument("--log", type=Path, required=True, help="the file that every request is written to")
    parser.add_argument("--port", type=int, default=0, help="0: a free one, which is printed")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with _Server(("127.0.0.1", options.port), _handler(Sink(options.log))) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
