"""Egress: HTTP for tools. It refuses to begin a request once the time to send is over.

The check stands directly before the first byte of the request, after the connection was made. What remains is a
process that is stopped exactly between the check and the write (`docs/guarantees.md`).
"""

import os
import threading
from collections.abc import Mapping
from typing import Any

import httpx

from aetheris.core.clocks import uptime
from aetheris.core.errors import NotApplied

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BEFORE_THE_FIRST_BYTE = ("http11.send_request_headers.started", "http2.send_request_headers.started")

_lock = threading.Lock()
_shared: list[httpx.Client] = []


class TooLate(NotApplied):
    """The time to send was over before anything was written."""

    code = "TOO_LATE_TO_SEND"


class CutShort(Exception):
    """The time to send was over after this call had already sent something: what became of that is not known."""


class Egress:
    """One call's way out: an HTTP client whose requests begin before `send_until`, in this process's uptime, or
    never. Connections are shared by the whole process."""

    def __init__(self, send_until: float) -> None:
        self._send_until = send_until
        self._has_written = False

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> httpx.Response:
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Any) -> httpx.Response:
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", url, **options)

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """As `httpx.request`. Raises `TooLate` when nothing was sent by this call and nothing may be any more."""
        extensions: Mapping[str, Any] = options.pop("extensions", {})
        options.setdefault("timeout", max(0.1, self._send_until - uptime()))

        def fence(event: str, _: Mapping[str, Any]) -> None:
            if event in BEFORE_THE_FIRST_BYTE:
                self._check_time()
                self._has_written = self._has_written or method.upper() not in SAFE_METHODS

        return _client().request(method, url, extensions={**extensions, "trace": fence}, **options)

    def _check_time(self) -> None:
        if uptime() <= self._send_until:
            return
        if self._has_written:
            raise CutShort("The time to send was over before the call was done.")
        raise TooLate("The time to send was over before anything was sent.")


def _client() -> httpx.Client:
    with _lock:
        if not _shared:
            _shared.append(httpx.Client(follow_redirects=False))
        return _shared[0]


os.register_at_fork(after_in_child=_shared.clear)
