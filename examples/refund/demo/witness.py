"""The other side of every call: what the three services say has reached them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

Line = dict[str, Any]


class World:
    """Asks the services for their logs, past the runtime that is being checked."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = dict(urls)
        self._earlier = self._log("payments")

    def counts(self) -> dict[str, int]:
        """How many requests each service has had, of whatever kind."""
        logs = {service: self._log(service) for service in self._urls}
        return {service: log["requests"] + len(log.get("look_ups", [])) for service, log in logs.items()}

    def refund_requests(self) -> list[Line]:
        """Every refund that the payment provider was asked for since this object was made, the oldest first."""
        return self._since("lines")

    def look_ups(self) -> list[Line]:
        """Every question after a key that the payment provider was asked since this object was made."""
        return self._since("look_ups")

    @contextmanager
    def holding_an_answer(self) -> Iterator[None]:
        """Meanwhile the payment provider logs and applies the next refund, and answers it only afterwards."""
        url = f"{self._urls['payments']}/hold"
        httpx.put(url, timeout=10, trust_env=False).raise_for_status()
        try:
            yield
        finally:
            httpx.delete(url, timeout=10, trust_env=False).raise_for_status()

    def _since(self, part: str) -> list[Line]:
        return list(self._log("payments")[part])[len(self._earlier[part]) :]

    def _log(self, service: str) -> dict[str, Any]:
        response = httpx.get(f"{self._urls[service]}/log", timeout=10, trust_env=False)
        log: dict[str, Any] = response.raise_for_status().json()
        return log
