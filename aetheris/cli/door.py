"""REST for the command line: asks an instance, as one of its development users or with a token of yours."""

import contextlib
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn
from urllib.parse import quote

import httpx

from aetheris.cli.endings import NoAnswer, Refused
from aetheris.cli.place import Place
from aetheris.cli.remedies import REMEDIES
from aetheris.services import ServiceError
from aetheris.services.folder import read_json, write_json

REQUESTER, APPROVER = "requester", "approver"
ANSWER_SECONDS = 30.0
SILENT_SECONDS = 40.0
"""A stream says every 15 seconds, by default, that it is still there."""
AWAY_SECONDS = 30.0
"""How long a stream that was cut is tried to be resumed."""


def at(*parts: object) -> str:
    """The path under /api/ that these lead to, whatever somebody has typed as one of them."""
    return "/".join(quote(str(part), safe="") for part in parts)


class Door:
    """The REST interface of one instance. What it refuses is raised as `Refused`, silence as `NoAnswer`."""

    def __init__(self, place: Place, who: str, token: str = "", answer_seconds: float = ANSWER_SECONDS) -> None:
        self.place = place
        self.who = who
        self._given = token
        self._client = httpx.Client(base_url=f"{place.url}/api/", timeout=answer_seconds, trust_env=False)

    def get(self, path: str, **query: Any) -> Any:
        """The answer to `GET /api/<path>`; what is None or empty is not asked for."""
        return self._ask("GET", path, params={name: value for name, value in query.items() if value not in (None, "")})

    def post(self, path: str, body: dict[str, Any], **headers: str) -> Any:
        """The answer to `POST /api/<path>`. It is sent once."""
        return self._ask("POST", path, json=body, headers=headers)

    def open(self, path: str) -> Any:
        """The answer to `GET /api/<path>` of a route that asks nobody who he is."""
        with self._answering():
            return _read(self._client.get(path))

    def all(self, path: str, what: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, page after page."""
        cursor = ""
        while cursor is not None:
            page = self.get(path, cursor=cursor, limit=100, **query)
            yield from page[what]
            cursor = page["next_cursor"]

    def events(self, path: str, deadline: float | None = None) -> Iterator[dict[str, Any]]:
        """Each event of a job's stream once, as it is committed, until the job has ended or the time is over; through
        cut connections, as long as it can be reached again."""
        cursor, heard_at = "", time.monotonic()
        while not _over(deadline):
            try:
                with self._stream(path, cursor, deadline) as response:
                    if response.status_code == httpx.codes.NO_CONTENT:
                        return
                    for block in _blocks(response.iter_lines()):
                        cursor, heard_at = block.get("id", cursor), time.monotonic()
                        if "data" in block:
                            yield json.loads(block["data"])
                        if _over(deadline):
                            return
            except httpx.HTTPError as error:
                if time.monotonic() - heard_at > AWAY_SECONDS:
                    self._silent(error)
                time.sleep(min(0.5, _left(deadline)))

    @contextlib.contextmanager
    def _stream(self, path: str, cursor: str, deadline: float | None) -> Iterator[httpx.Response]:
        headers = {**self._authorization(), "Accept": "text/event-stream"}
        if cursor:
            headers["Last-Event-ID"] = cursor
        timeout = httpx.Timeout(ANSWER_SECONDS, read=min(SILENT_SECONDS, _left(deadline)))
        with self._client.stream("GET", path, headers=headers, timeout=timeout) as response:
            if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                response.raise_for_status()
            if not response.is_success:
                response.read()
                _read(response)
            yield response

    def _ask(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> Any:
        with self._answering():
            authorized = self._authorization() | (headers or {})
            response = self._client.request(method, path, headers=authorized, **options)
            if response.status_code == httpx.codes.UNAUTHORIZED and not self._given:
                self._keep({})  # a kept token ends after hours, or with its database
                authorized |= self._authorization()
                response = self._client.request(method, path, headers=authorized, **options)
            return _read(response)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Token {self._given or self._kept().get(self.who) or self._login()}"}

    def _login(self) -> str:
        password = self.place.logins.get(self.who)
        if password is None and self.place.logins:
            raise ServiceError(
                f"There is no development user {self.who}.", f"--as takes {' or '.join(self.place.logins)}."
            )
        if password is None:
            raise ServiceError(
                f"{self.place.url} has no development users that this data folder knows.",
                "Give a token or an API key with --token or AETHERIS_TOKEN.",
            )
        token = str(_read(self._client.post("login", json={"username": self.who, "password": password}))["token"])
        self._keep({**self._kept(), self.who: token})
        return token

    def _kept(self) -> dict[str, str]:
        with contextlib.suppress(ValueError):
            return (read_json(self.place.tokens) or {}) if self.place.tokens else {}
        return {}

    def _keep(self, tokens: dict[str, str]) -> None:
        """Attempts to log in are limited, and slow on purpose: a token serves the next commands as well."""
        if self.place.tokens:
            with contextlib.suppress(OSError):
                write_json(self.place.tokens, tokens)

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._silent(error)

    def _silent(self, error: Exception) -> NoReturn:
        logs = f", and its logs are in {self.place.logs}" if self.place.logs else ""
        raise NoAnswer(
            f"{self.place.url} does not answer: {str(error) or type(error).__name__}.",
            f"Is the address right, and does it run? `aetheris doctor` looks for what is wrong{logs}.",
        ) from error


def _read(response: httpx.Response) -> Any:
    try:
        answer = response.json()
        if response.is_success:
            return answer
        refusal = answer["error"]
        code, message, details = refusal["code"], refusal["message"], refusal["details"]
    except (ValueError, KeyError, TypeError):
        raise NoAnswer(
            f"{response.url} answers {response.status_code}, and not as Aetheris does.", "Is the address right?"
        ) from None
    raise Refused(code, message, details, response.status_code, REMEDIES.get(code, ""))


def _blocks(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """The blocks of a stream of server-sent events; one that holds only a comment is empty."""
    block: dict[str, str] = {}
    for line in lines:
        if not line:
            yield block
            block = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            block[name] = value.removeprefix(" ")


def _left(deadline: float | None) -> float:
    return SILENT_SECONDS if deadline is None else max(0.0, deadline - time.monotonic())


def _over(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline
