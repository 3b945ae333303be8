"""Celery task names: strings, so that the engine rings doorbells without importing tasks."""

RUN_NODE = "aetheris.run_node"
RESCUE = "aetheris.rescue"
SWEEP = "aetheris.sweep"
