"""Celery's own canvas on the same Valkey: nothing of a job is durable, which makes it a floor and no rival."""
