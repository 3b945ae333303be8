"""API keys: tokens for programs, with the scopes that somebody gave them."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris.api.contract import Link, Method
from aetheris.api.fields import Fields, Text, Whole, body_of
from aetheris.api.permissions import DJANGO_PERMISSION, IN_PERSON, may
from aetheris.core.errors import Refused
from aetheris.models import ApiKey
from jobs.engine.transaction import committing

USUAL_DAYS, MOST_DAYS = 90, 3650


class NewKey(Fields):
    example: ClassVar = {"name": "shop", "scopes": ["job:create"], "expires_in_days": USUAL_DAYS}

    name = Text(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(sorted(DJANGO_PERMISSION)), min_length=1, max_length=len(DJANGO_PERMISSION)
    )
    expires_in_days = Whole(min_value=1, max_value=MOST_DAYS, default=USUAL_DAYS)


class Key(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(sorted(DJANGO_PERMISSION)))
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)


class KeyMade(Key):
    key = serializers.CharField(help_text="The token itself: told once, here.")


class KeyList(serializers.Serializer[Any]):
    keys = Key(many=True)
    total = serializers.IntegerField()


class Keys(APIView):
    """`GET` → the caller's keys. `POST {name, scopes, expires_in_days?}` → a new one, told once."""

    permissions: ClassVar = {"GET": (IN_PERSON,), "POST": (IN_PERSON,)}
    contract: ClassVar = {
        "GET": Method(name="list_keys", does="List your API keys", answers={200: KeyList}),
        "POST": Method(
            name="make_key",
            does="Make an API key with some of your permissions",
            takes=NewKey,
            answers={201: KeyMade},
            refuses=("SCOPE_NOT_YOURS",),
            links=(Link("revoke_key", "key_id", "id"),),
        ),
    }

    def get(self, request: Request) -> Response:
        keys = [representation(key) for key in ApiKey.objects.of_user(request.user)]
        return Response({"keys": keys, "total": len(keys)})

    def post(self, request: Request) -> Response:
        wanted = body_of(request, NewKey)
        scopes = sorted(set(wanted["scopes"]))
        if missing := [scope for scope in scopes if not may(request, scope)]:
            raise Refused(f"You do not have {', '.join(missing)} yourself.", code="SCOPE_NOT_YOURS")
        with committing("make_key"):
            lasts = timedelta(days=wanted["expires_in_days"])
            key, token = ApiKey.objects.make(request.user, wanted["name"], scopes, lasts)
        return Response({**representation(key), "key": token}, status.HTTP_201_CREATED)


class KeyDetail(APIView):
    """`DELETE` → the key opens nothing any more."""

    permissions: ClassVar = {"DELETE": (IN_PERSON,)}
    contract: ClassVar = {
        "DELETE": Method(name="revoke_key", does="End an API key", answers={204: None}, refuses=("KEY_NOT_FOUND",))
    }

    def delete(self, request: Request, key_id: UUID) -> Response:
        with committing("revoke_key"):
            if not ApiKey.objects.revoke(request.user, key_id):
                raise Refused(f"You have no key {key_id}.", code="KEY_NOT_FOUND")
        return Response(status=status.HTTP_204_NO_CONTENT)


def representation(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.pk,
        "name": key.name,
        "scopes": key.scopes,
        "created_at": key.token.created,
        "expires_at": key.token.expiry,
    }
