"""Log in, and say that the process is alive."""

from typing import ClassVar

from django.contrib.auth import authenticate
from knox.models import get_token_model
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris import failpoints
from aetheris.api.permissions import OPEN


class _Credentials(serializers.Serializer[None]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class Login(APIView):
    """`POST {username, password}` → a token for `Authorization: Token …`. Only its hash is stored."""

    permissions: ClassVar = {"POST": (OPEN,)}
    authentication_classes = ()

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


class Health(APIView):
    """`GET` → 200 while the web process answers. It asks nothing else."""

    permissions: ClassVar = {"GET": (OPEN,)}
    authentication_classes = ()

    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})
