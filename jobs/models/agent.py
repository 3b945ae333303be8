"""Agent: the record of an agent that has been given work; its code is in the registry."""

from django.db import models

from aetheris.core.ids import new_id
from jobs.querysets import AgentQuerySet


class Agent(models.Model):
    """One agent of one tenant, known by the name under which its class is registered."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(max_length=63)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AgentQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tenant", "name"), name="agent_name_unique"),)

    def __str__(self) -> str:
        return self.name
