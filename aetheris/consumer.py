"""The part of a Celery worker that hears doorbells. Losing the broker must cost it doorbells, never the worker."""

import logging
from typing import Any

from celery.worker import consumer

logger = logging.getLogger(__name__)


class Consumer(consumer.Consumer):
    """Celery's own, but whatever goes wrong while it listens is a lost connection, and it connects again.

    kombu 5.7 ends a channel whose broker is gone in two steps. What still happens then to a doorbell that was received
    over it, such as its acknowledgement where a broker wants one, meets an `AttributeError`, for which Celery would end
    the worker.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.connection_errors = (Exception,)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        try:
            super().on_connection_error_after_connected(exc)
        except Exception as error:
            logger.warning("a lost connection to the broker could not be closed in order: %r", error)
