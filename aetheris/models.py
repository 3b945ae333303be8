"""ApiKey: a token for a program, with less than its user's rights."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from knox.models import AuthToken

from aetheris.core.ids import new_id
from aetheris.querysets import ApiKeyQuerySet


class ApiKey(models.Model):
    """What makes one of knox's tokens a key: its holder has those of the user's permissions that are in `scopes`. The
    token holds the hash, the user and the end, and is deleted with the key.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    token = models.OneToOneField(AuthToken, on_delete=models.CASCADE, related_name="api_key")
    name = models.CharField(max_length=100)
    scopes = ArrayField(models.CharField(max_length=40))

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return self.name
