"""Event: one row of a job's append-only, hash-chained stream."""

from django.db import models

from ledger.event_types import Category, EventType
from ledger.querysets import EventQuerySet


class Event(models.Model):
    """One event. Written only by the SQL functions `aetheris_append_events`, `aetheris_write` and
    `aetheris_write_steps`; a trigger refuses every change.

    `payload` is canonical text, exactly the bytes that `payload_digest` covers. `txid` is the writing transaction;
    `placed` is the greatest one of the job's events up to this: a reader of many jobs who stays
    below the snapshot's xmin with it misses none, and meets each job's events in their order. There is no foreign key
    on `job_id`: its only writer holds the job's row lock.
    """

    pk = models.CompositePrimaryKey("job_id", "seq")
    job_id = models.UUIDField()
    seq = models.PositiveBigIntegerField()
    tenant = models.CharField(max_length=63)
    type = models.CharField(max_length=40, choices=EventType.choices)
    category = models.CharField(max_length=12, choices=Category.choices)
    actor = models.CharField(max_length=255)
    node = models.CharField(max_length=200)
    span = models.CharField(max_length=255)
    at = models.DateTimeField()
    payload = models.TextField()
    nonce = models.BinaryField(max_length=16)
    payload_digest = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)
    txid = models.BigIntegerField()
    placed = models.BigIntegerField(db_default=0)

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=("tenant", "placed"), name="event_feed"),)

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"
