"""Savepoint: a part of the open transaction that can be taken back by itself."""

from contextlib import AbstractContextManager

from django.db import transaction


def savepoint() -> AbstractContextManager[None]:
    """What the body writes is written all of it or, when it raises, nothing of it. Only inside a transaction."""
    return transaction.atomic()
