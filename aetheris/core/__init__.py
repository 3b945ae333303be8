"""Floor zero: what a graph, a tool, an outcome and an error are. Pure Python: no Django, no Celery, no network."""
