"""The other side of every call: what the three services say has reached them."""

from collections.abc import Mapping
from typing import Any

import httpx


class World:
    """Asks the services for their logs, past the runtime that is being checked."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = dict(urls)
        self._earlier = len(self._log("payments")["lines"])

    def counts(self) -> dict[str, int]:
        """How many requests each service has had."""
        return {service: self._log(service)["requests"] for service in self._urls}

    def refund_requests(self) -> list[dict[str, Any]]:
        """Every request that the payment provider has had since this object was made, the oldest first."""
        return list(self._log("payments")["lines"])[self._earlier :]

    def _log(self, service: str) -> dict[str, Any]:
        response = httpx.get(f"{self._urls[service]}/log", timeout=10, trust_env=False)
        log: dict[str, Any] = response.raise_for_status().json()
        return log
