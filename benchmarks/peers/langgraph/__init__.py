"""LangGraph with its PostgreSQL saver. It has no queue and no worker: whoever calls a graph runs it."""
