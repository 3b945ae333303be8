"""Log in, log out, and say that the process is alive."""

from typing import ClassVar

from django.contrib.auth import authenticate
from knox.models import get_token_model
from knox.views import LogoutView
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from aetheris import failpoints
from aetheris.api.authentication import Token
from aetheris.api.permissions import OPEN, SIGNED_IN, Declared


class _Credentials(serializers.Serializer[None]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class Login(APIView):
    """`POST {username, password}` → a token for `Authorization: Token …`. Only its hash is stored."""

    permissions: ClassVar = {"POST": (OPEN,)}
    authentication_classes = ()
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "login"

    def get_authenticate_header(self, request: Request) -> str:
        """Without one, DRF would answer wrong credentials with 403."""
        return "Token"

    def post(self, request: Request) -> Response:
        credentials = _Credentials(data=request.data)
        credentials.is_valid(raise_exception=True)
        user = authenticate(request._request, **credentials.validated_data)
        if user is None:
            raise AuthenticationFailed("Wrong user name or password.")
        with failpoints.around("login.commit"):
            instance, token = get_token_model().objects.create(user=user)
        return Response({"token": token, "expiry": instance.expiry})


class Logout(LogoutView):  # type: ignore[misc]
    """`POST` → the token that came with it opens nothing any more. Others of the same user stay."""

    permissions: ClassVar = {"POST": (SIGNED_IN,)}
    permission_classes = (Declared,)
    authentication_classes = (Token,)

    def post(self, request: Request, format: str | None = None) -> Response:
        with failpoints.around("logout.commit"):
            answer: Response = super().post(request, format)
        return answer


class Health(APIView):
    """`GET` → 200 while the web process answers. It asks nothing else."""

    permissions: ClassVar = {"GET": (OPEN,)}
    authentication_classes = ()

    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})
