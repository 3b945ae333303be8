"""ApiKey: a token for a program, with less than its user's rights. Tally, Counted: what metrics count."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from knox.models import AuthToken

from aetheris.core.ids import new_id
from aetheris.querysets import ApiKeyQuerySet
from aetheris.tally_querysets import CountedQuerySet


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


class Tally(models.Model):
    """How often something has happened since somebody began to count, and how long it took. `event` is the type that
    tells it, `subject` what it happened to (an agent, a tool), `detail` how. `seconds` is the sum of what was timed,
    `steps` how many of these took at most as long as each of `aetheris.tally_querysets.STEPS`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(max_length=63)
    event = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    detail = models.CharField(max_length=24)
    number = models.PositiveBigIntegerField()
    timed = models.PositiveBigIntegerField()
    seconds = models.FloatField()
    steps = ArrayField(models.BigIntegerField())

    class Meta:
        default_permissions: ClassVar = ()
        constraints = (models.UniqueConstraint(fields=("tenant", "event", "subject", "detail"), name="tally_unique"),)

    def __str__(self) -> str:
        return f"{self.event} {self.subject} {self.detail}"


class Counted(models.Model):
    """Up to which place in the order of all events a tenant's events are counted in its tallies."""

    tenant = models.CharField(primary_key=True, max_length=63)
    place = models.PositiveBigIntegerField()

    objects = CountedQuerySet.as_manager()

    class Meta:
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"{self.tenant} up to {self.place}"
