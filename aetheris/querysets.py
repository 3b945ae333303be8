"""All SQL of this app."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models
from django.utils import timezone
from knox.models import AuthToken

if TYPE_CHECKING:
    from aetheris.models import ApiKey


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def make(self, user: Any, name: str, scopes: list[str], lasts: timedelta) -> tuple[ApiKey, str]:
        """A new key of a user and the token that opens doors, of which only the hash is stored."""
        stored, token = AuthToken.objects.create(user=user, expiry=lasts)
        return self.create(token=stored, name=name, scopes=scopes), token

    def of_user(self, user: Any) -> ApiKeyQuerySet:
        """A user's keys, newest first."""
        return self.filter(token__user=user).select_related("token").order_by("-id")

    def end_expired(self, user: Any) -> None:
        """Delete all tokens of a user whose time is over, keys and others."""
        AuthToken.objects.filter(user=user, expiry__lte=timezone.now()).delete()

    def revoke(self, user: Any, key_id: UUID) -> bool:
        """End one of a user's keys; whether there was one."""
        ended, _ = AuthToken.objects.filter(user=user, api_key__id=key_id).delete()
        return bool(ended)
