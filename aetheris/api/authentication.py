"""Who is asking: knox's tokens, hardened against what cannot be one."""

import contextlib
from typing import Any

from django.utils import timezone
from knox.auth import TokenAuthentication
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from aetheris.models import ApiKey
from jobs.engine.transaction import committing

SCHEMES = (b"bearer", b"token")
WRONG = (
    "This token opens nothing: it is wrong, has ended or was taken back, or its user is not active any more. "
    "`POST /api/login` gives a new one."
)


class Token(TokenAuthentication):  # type: ignore[misc]
    """`Authorization: Bearer …` or `Token …`. Bytes that no token has are refused like a wrong token, before they
    reach SQL. One that has expired is deleted when it is met."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() not in SCHEMES:
            return None
        return self.authenticate_credentials(token)

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        with contextlib.suppress(AuthenticationFailed):
            if token.isalnum():
                user, stored = super().authenticate_credentials(token)
                return user, stored
        raise AuthenticationFailed(WRONG)

    def _cleanup_token(self, stored: Any) -> bool:
        """Whether it has expired. knox's own would look at all tokens of the user, each time."""
        if stored.expiry is None or stored.expiry > timezone.now():
            return False
        with committing("authenticate"):
            ApiKey.objects.end_expired(stored.user)
        return True
