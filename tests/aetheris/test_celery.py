"""Whoever rings, in whatever thread, rings at the broker of the settings."""

from concurrent.futures import ThreadPoolExecutor

from celery import current_app

from aetheris.conf import configuration


def test_every_thread_rings_at_our_broker() -> None:
    """Requests are answered in threads that have not loaded the app."""
    with ThreadPoolExecutor(1) as requests:
        assert requests.submit(lambda: current_app.conf.broker_url).result() == configuration().broker_url
