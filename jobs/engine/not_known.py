"""What an activation says that works on what it knows, and needs more."""

from django.db import DatabaseError


class NotKnown(DatabaseError):
    """A verb asked for more than is known. Nothing was written."""


class Overtaken(NotKnown):
    """Somebody else has changed the job since it was read, or something more urgent waits. Nothing was written."""
