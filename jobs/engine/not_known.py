"""What an activation says that works on what it knows, and needs more."""

from django.db import DatabaseError


class NotKnown(DatabaseError):
    """A verb asked for more than is known, or somebody else has changed the job. Nothing was written."""
