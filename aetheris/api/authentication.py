"""Who is asking: knox's tokens, hardened against what cannot be one."""

from typing import Any

from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from aetheris import failpoints


class Token(TokenAuthentication):  # type: ignore[misc]
    """`Authorization: Token …`. Bytes that no token has are refused like a wrong token, before they reach SQL. One that
    has expired is deleted when it is met."""

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        if not token.isalnum():
            raise AuthenticationFailed("Invalid token.")
        with failpoints.during("authenticate"):
            user, stored = super().authenticate_credentials(token)
        return user, stored
