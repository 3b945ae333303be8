"""Body: a value over 1 KiB, stored once for each job under its digest. Rows and events hold its stored form."""

from django.db import models

from jobs.body_querysets import BodyQuerySet
from jobs.models.job import Job


class Body(models.Model):
    """One long text of a job. Written by `Body.objects.keep`, never changed."""

    pk = models.CompositePrimaryKey("job_id", "digest")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="bodies", db_index=False)
    digest = models.BinaryField(max_length=32)
    tenant = models.CharField(max_length=63)
    text = models.TextField()

    objects = BodyQuerySet.as_manager()

    def __str__(self) -> str:
        return bytes(self.digest).hex()
