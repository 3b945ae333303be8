"""Log in, log out, and say that the process is alive."""

from typing import Any, ClassVar

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
from aetheris.api.contract import Method
from aetheris.api.fields import Fields, Text, body_of
from aetheris.api.permissions import OPEN, SIGNED_IN, Declared
from jobs.engine.transaction import committing


class Credentials(Fields):
    example: ClassVar = {"username": "requester", "password": "…"}

    username = Text(max_length=150)
    password = Text(max_length=1000, trim_whitespace=False)


class TokenMade(serializers.Serializer[Any]):
    token = serializers.CharField()
    expiry = serializers.DateTimeField()


class Alive(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ok"])


class Login(APIView):
    """`POST {username, password}` → a token for `Authorization: Bearer …`. Only its hash is stored."""

    permissions: ClassVar = {"POST": (OPEN,)}
    contract: ClassVar = {
        "POST": Method(
            name="login",
            does="A token for ten hours",
            takes=Credentials,
            answers={200: TokenMade},
            refuses=("UNAUTHORIZED",),
        )
    }
    authentication_classes = ()
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "login"

    def get_authenticate_header(self, request: Request) -> str:
        """Without one, DRF would answer wrong credentials with 403."""
        return "Token"

    def post(self, request: Request) -> Response:
        user = authenticate(request._request, **body_of(request, Credentials))
        if user is None:
            raise AuthenticationFailed("Wrong user name or password.")
        with failpoints.around("login.commit"):
            instance, token = get_token_model().objects.create(user=user)
        return Response({"token": token, "expiry": instance.expiry})


class Logout(LogoutView):  # type: ignore[misc]
    """`POST` → the token that came with it opens nothing any more. Others of the same user stay."""

    permissions: ClassVar = {"POST": (SIGNED_IN,)}
    contract: ClassVar = {"POST": Method(name="logout", does="End the token that came with this", answers={204: None})}
    permission_classes = (Declared,)
    authentication_classes = (Token,)

    def post(self, request: Request, format: str | None = None) -> Response:
        with committing("logout"):
            answer: Response = super().post(request, format)
        return answer


class Health(APIView):
    """`GET` → 200 while the web process answers. It asks nothing else."""

    permissions: ClassVar = {"GET": (OPEN,)}
    contract: ClassVar = {"GET": Method(name="get_health", does="Whether this process answers", answers={200: Alive})}
    authentication_classes = ()
    throttle_classes = ()

    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})
