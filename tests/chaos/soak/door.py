"""The instance's REST door, as somebody with a login uses it who repeats whatever was not answered."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from aetheris.core.canonical import dumps
from tests.chaos.soak.history import History

Json = dict[str, Any]
PAUSE_SECONDS = 0.3
TOLD = {"pending": "applied", "already": "already", "kept": "kept", "proposed": "proposed"}


class GivenUp(Exception):
    """Nobody answered until the run was over."""


def token(url: str, user: str, password: str) -> str:
    """Log in."""
    answer = httpx.post(f"{url}/api/login", json={"username": user, "password": password}, timeout=15, trust_env=False)
    return str(answer.raise_for_status().json()["token"])


class Door:
    """Calls are noted as the checker reads them. `is_over` ends all repetition."""

    def __init__(self, url: str, token: str, calls: History, is_over: Callable[[], bool]) -> None:
        head = {"Authorization": f"Token {token}"}
        self._client = httpx.Client(base_url=f"{url}/api", headers=head, timeout=15, trust_env=False)
        self._calls = calls
        self._is_over = is_over

    def submit(self, agent: str, message: str, key: str) -> str:
        """The job that this message became, once the instance has said so. Raises `HTTPStatusError` when it refuses."""
        about = {"verb": "submit", "agent": agent, "key": key, "body": message}
        headers = {"Idempotency-Key": key}
        answer = self._repeated(f"/agents/{agent}/message", {"message": message}, about, headers)
        self._note(answer, about, job=answer.json().get("job_id", ""))
        return str(answer.raise_for_status().json()["job_id"])

    def signal(self, job: str, key: str, payload: Json) -> httpx.Response:
        """Answer a wait."""
        about = {"verb": "signal", "job": job, "key": key, "body": dumps(payload)}
        return self._said(f"/jobs/{job}/signal", {"correlation_key": key, "payload": payload}, about)

    def resolve(self, job: str, key: str, answer: Json) -> httpx.Response:
        """Say what became of an effect."""
        about = {"verb": "signal", "job": job, "key": key, "body": dumps(answer)}
        return self._said(f"/jobs/{job}/resolve", {"correlation_key": key, **answer}, about)

    def stop(self, job: str) -> httpx.Response:
        """Cancel a job."""
        return self._said(f"/jobs/{job}/stop", {"reason": "not needed any more"}, {"verb": "cancel", "job": job})

    def listed(self, what: str, **query: Any) -> list[Json]:
        """The newest hundred; none while nobody answers."""
        try:
            answer = self._ask("GET", f"/{what}", params={"limit": 100, **query})
            return list(answer.json()[what]) if answer.is_success else []
        except httpx.HTTPError:
            return []

    def _said(self, path: str, body: Json, about: Json) -> httpx.Response:
        answer = self._repeated(path, body, about)
        self._note(answer, about, told=TOLD.get(answer.json().get("status", ""), ""))
        return answer

    def _note(self, answer: httpx.Response, about: Json, **told: str) -> None:
        code = "" if answer.is_success else answer.json()["error"]["code"]
        self._calls.note("call", **{**about, **told}, verdict="ok" if answer.is_success else "refused", code=code)

    def _repeated(self, path: str, body: Json, about: Json, headers: Json | None = None) -> httpx.Response:
        """The first answer that is one: neither silence nor an error of the server."""
        while True:
            try:
                answer = self._ask("POST", path, json=body, headers=headers)
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return answer
                why = f"{answer.status_code} {answer.text[:200]}"
            except httpx.HTTPError as error:
                why = repr(error)
            self._calls.note("call", **about, verdict="unknown", code=why)
            if self._is_over():
                raise GivenUp(path)
            time.sleep(PAUSE_SECONDS)

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._client.request(method, path, **options)
