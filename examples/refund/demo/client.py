"""What the demo knows of a runtime: its REST interface, and nothing behind it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from examples.refund.demo.instance import Login

Json = dict[str, Any]
STILL = frozenset({"completed", "failed", "cancelled", "parked"})
"""States that a job does not leave by itself."""


class ApiError(Exception):
    """The runtime said no, or could not be reached. Carries its HTTP status (0 without an answer), error code,
    sentence and details."""

    def __init__(self, status: int, code: str, message: str, details: Json | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.details = details or {}


class Api:
    """One user's view of the runtime at `url`. Every method raises `ApiError` when it gets no good answer."""

    def __init__(self, url: str, login: Login) -> None:
        self.username = login.username
        # Loopback: a proxy that the environment names must not see it.
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)
        token = self._post("/api/login", {"username": login.username, "password": login.password})["token"]
        self._http.headers["Authorization"] = f"Token {token}"

    def agents(self) -> list[Json]:
        return list(self._get("/api/agents")["agents"])

    def submit(self, agent: str, message: str, *, key: str) -> Json:
        """Ask the agent for a job. The same key with the same message is the same job."""
        return self._post(f"/api/agents/{agent}/message", {"message": message}, {"Idempotency-Key": key})

    def job(self, job_id: str) -> Json:
        return self._get(f"/api/jobs/{job_id}")

    def replay(self, job_id: str) -> Json:
        return self._get(f"/api/jobs/{job_id}/replay")

    def signal(self, job_id: str, correlation_key: str, payload: Json) -> Json:
        return self._post(f"/api/jobs/{job_id}/signal", {"correlation_key": correlation_key, "payload": payload})

    def resolve(self, job_id: str, correlation_key: str, resolution: str, **more: Any) -> Json:
        """Say what became of an effect that is in doubt."""
        body = {"correlation_key": correlation_key, "resolution": resolution, **more}
        return self._post(f"/api/jobs/{job_id}/resolve", body)

    def events(self, job_id: str, after: int = 0) -> list[Json]:
        """Every event behind `after`, over as many pages as there are."""
        events: list[Json] = []
        while page := self._get(f"/api/jobs/{job_id}/events?cursor={after}")["events"]:
            events += page
            after = page[-1]["seq"]
        return events

    def follow(self, job_id: str, *, until: Callable[[Json], bool], after: int, seconds: float) -> Iterator[Json]:
        """Events as they come, to the last one before the job is as `until` asks. Ends late, but ends."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # The job first: whatever led to its state is in the events that are read after it.
            arrived = until(self.job(job_id))
            for event in self.events(job_id, after):
                after = event["seq"]
                yield event
            if arrived:
                return
            time.sleep(0.1)

    def _get(self, path: str) -> Json:
        return self._call("GET", path)

    def _post(self, path: str, body: Json, headers: dict[str, str] | None = None) -> Json:
        return self._call("POST", path, json=body, headers=headers)

    def _call(self, method: str, path: str, **request: Any) -> Json:
        try:
            response = self._http.request(method, path, **request)
            body = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ApiError(0, "UNREACHABLE", f"{method} {path}: {error}") from error
        if response.is_success and isinstance(body, dict):
            return body
        reason = body.get("error") if isinstance(body, dict) else None
        said = reason if isinstance(reason, dict) else {}
        status = response.status_code
        message = said.get("message", f"{method} {path}")
        raise ApiError(status, said.get("code", f"HTTP_{status}"), message, said.get("details"))


def at_rest(job: Json) -> bool:
    """Whether the job does not go on by itself."""
    return job["status"] in STILL
