"""Who is asking: knox's tokens, hardened against what cannot be one."""

from typing import Any

from knox.auth import TokenAuthentication
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from aetheris import failpoints

SCHEMES = (b"bearer", b"token")


class Token(TokenAuthentication):  # type: ignore[misc]
    """`Authorization: Bearer …` or `Token …`. Bytes that no token has are refused like a wrong token, before they
    reach SQL. One that has expired is deleted when it is met."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() not in SCHEMES:
            return None
        return self.authenticate_credentials(token)

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        if not token.isalnum():
            raise AuthenticationFailed("Invalid token.")
        with failpoints.during("authenticate"):
            user, stored = super().authenticate_credentials(token)
        return user, stored
