"""Connections that clients and proxies keep open between two requests."""

import http.client
import time
from urllib.parse import urlsplit

from tests.e2e.conftest import Running

LONGER_THAN_CLIENTS_KEEP_ONE = 6.0
"""Seconds; many let an idle connection go after five."""


def test_the_client_is_the_first_to_let_an_idle_connection_go(running: Running) -> None:
    """Were it the server, it would do so just when a request is on its way: that one would get no answer."""
    connection = http.client.HTTPConnection(str(urlsplit(running.instance.url).netloc), timeout=20)
    connection.request("GET", "/api/health")
    assert connection.getresponse().read()
    kept = connection.sock
    time.sleep(LONGER_THAN_CLIENTS_KEEP_ONE)
    kept.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert kept.recv(100).startswith(b"HTTP/1.1 200")
    connection.close()
