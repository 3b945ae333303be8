"""REST for the command line: asks a running instance, as its development requester or by a token of yours."""

from typing import Any

import httpx

from aetheris.services.errors import ServiceError
from aetheris.services.folder import DataFolder
from aetheris.services.instance import Instance

REQUESTER = "requester"


def ask(instance: Instance, path: str, token: str = "") -> Any:
    """The answer to `GET /api/<path>`. Raises `ServiceError` with what the instance says, or that it says nothing."""
    with httpx.Client(base_url=f"{instance.url}/api", timeout=30, trust_env=False) as client:
        try:
            token = token or _logged_in(client, instance)
            return _read(client.get(path, headers={"Authorization": f"Token {token}"}))
        except httpx.HTTPError as error:
            logs = DataFolder(instance.data).logs
            raise ServiceError(f"{instance.url or 'The instance'} does not answer: {error}", f"See {logs}.") from error


def _logged_in(client: httpx.Client, instance: Instance) -> str:
    password = instance.logins().get(REQUESTER)
    if password is None:
        raise ServiceError("The users of this instance are yours.", "Give a token with --token or AETHERIS_TOKEN.")
    return str(_read(client.post("login", json={"username": REQUESTER, "password": password}))["token"])


def _read(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json()
    try:
        refusal = response.json()["error"]
        raise ServiceError(f"{refusal['code']}: {refusal['message']}")
    except (ValueError, KeyError, TypeError):
        raise ServiceError(f"{response.url} answers {response.status_code}.") from None
